/**
 * A stored drill report, read field by field: it may come from another version or be damaged, and the page must say so
 * instead of breaking. Texts are bounded, lists too.
 */
export interface DrillJson {
  text(...path: readonly string[]): string | undefined;
  number(...path: readonly string[]): number | undefined;
  list(...path: readonly string[]): readonly DrillJson[];
  texts(...path: readonly string[]): readonly string[];
  entries(...path: readonly string[]): readonly (readonly [string, number])[];
}

const maxListLength = 1000;
const maxTextChars = 10_000;
const maxReportChars = 16 * 1024 * 1024;

/** Undefined when it is no JSON object. */
export function readDrillJson(text: string): DrillJson | undefined {
  if (text.length > maxReportChars) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? wrap(value) : undefined;
}

function wrap(root: unknown): DrillJson {
  const at = (path: readonly string[]) =>
    path.reduce<unknown>(
      (value, name) =>
        typeof value === "object" && value !== null && Object.hasOwn(value, name)
          ? (value as Record<string, unknown>)[name]
          : undefined,
      root,
    );
  const listAt = (path: readonly string[]) => {
    const value = at(path);
    return Array.isArray(value) ? (value as unknown[]).slice(0, maxListLength) : [];
  };
  return {
    text(...path) {
      const value = at(path);
      return typeof value === "string" ? value.slice(0, maxTextChars) : undefined;
    },
    number(...path) {
      const value = at(path);
      return typeof value === "number" && Number.isFinite(value) ? value : undefined;
    },
    list: (...path) => listAt(path).map(wrap),
    texts: (...path) =>
      listAt(path)
        .filter((value) => typeof value === "string")
        .map((value) => value.slice(0, maxTextChars)),
    entries(...path) {
      const value = at(path);
      if (typeof value !== "object" || value === null) return [];
      return Object.entries(value)
        .slice(0, maxListLength)
        .filter((entry): entry is [string, number] => typeof entry[1] === "number" && Number.isFinite(entry[1]));
    },
  };
}
