/** Replaces each value by `***`; also where a URL or JSON has encoded it. Very short values would hit everything. */
export function maskSecrets(values: Iterable<string>): (text: string) => string {
  const hidden = new Set<string>();
  for (const value of values) {
    if (value.length < 4) continue;
    for (const form of [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)]) hidden.add(form);
  }
  // The longest first, so that no part of one is left over.
  const longest = [...hidden].sort((a, b) => b.length - a.length);
  return (text) => longest.reduce((masked, value) => masked.replaceAll(value, "***"), text);
}

/** The same for every text in a value of JSON's kind. */
export function maskDeep<T>(value: T, mask: (text: string) => string): T {
  if (typeof value === "string") return mask(value) as T;
  if (Array.isArray(value)) return value.map((item) => maskDeep(item, mask)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskDeep(item, mask)])) as T;
}
