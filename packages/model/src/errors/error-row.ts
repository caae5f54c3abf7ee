/** One row of the error table: docs/errors.md is generated from these. */
export interface ErrorRow {
  /** Exit code of the command line: see exit-codes.ts. */
  readonly exit: number;
  readonly retry: "never" | "later";
  /** What it means, for the reference: one or two sentences. */
  readonly meaning: string;
  /** What to do next, shown when the place that throws has no better one. */
  readonly hint: string;
}
