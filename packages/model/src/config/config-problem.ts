/** Where something stands in a configuration file. Lines and columns count from 1; columns are UTF-16 units. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** First column after it, on the same line. */
  readonly endColumn: number;
}

export const problemCodes = [
  "bad-name",
  "bad-reference",
  "bad-value",
  "cycle",
  "duplicate-key",
  "duplicate-name",
  "inline-secret",
  "missing-key",
  "missing-unit",
  "nested-include",
  "rpo-unreachable",
  "target-not-scratch",
  "target-without-run",
  "too-big",
  "unknown-key",
  "unknown-reference",
  "unproven-asset",
  "unset-variable",
  "unsupported-version",
  "yaml-syntax",
] as const;

export type ProblemCode = (typeof problemCodes)[number];

/** One thing that is wrong with a configuration. Never holds the value of a secret. */
export interface ConfigProblem {
  readonly severity: "error" | "warning";
  readonly code: ProblemCode;
  /** Lower case, names the value. */
  readonly message: string;
  readonly place: Place;
  /** What to write instead, or what else is part of it. */
  readonly hint?: string;
  /** For an unknown key: the keys that are known there, sorted. */
  readonly known?: readonly string[];
}

export type ReportProblem = (problem: Omit<ConfigProblem, "severity"> & { readonly severity?: "error" | "warning" }) => void;

export function sortProblems(problems: readonly ConfigProblem[], fileOrder: readonly string[]): ConfigProblem[] {
  const rank = (problem: ConfigProblem) => fileOrder.indexOf(problem.place.file);
  return [...problems].sort(
    (left, right) => rank(left) - rank(right) || left.place.line - right.place.line || left.place.column - right.place.column,
  );
}

/** "lifeboat.yaml:45" */
export function placeText(place: Place, withColumn = false): string {
  return `${place.file}:${place.line}${withColumn ? `:${place.column}` : ""}`;
}
