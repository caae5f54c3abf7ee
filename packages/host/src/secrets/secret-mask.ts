/** Values that must never be printed; what passes through `apply` shows `***` in their place. */
export interface SecretMask {
  add(value: string): void;
  apply(text: string): string;
}

/** Shorter values would blot out half of every line ("a", "1"), and are no secrets. */
const shortestChars = 4;

export function createSecretMask(): SecretMask {
  const values = new Set<string>();
  return {
    add(value) {
      if (value.length < shortestChars) return;
      values.add(value);
      // as they stand inside a JSON line and inside a URL
      values.add(JSON.stringify(value).slice(1, -1));
      values.add(encodeURIComponent(value));
    },
    apply(text) {
      let masked = text;
      for (const value of values) if (masked.includes(value)) masked = masked.replaceAll(value, "***");
      return masked;
    },
  };
}
