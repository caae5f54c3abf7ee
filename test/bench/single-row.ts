/** A row of its own kind: figures beside a goal, in words and as numbers. */
export interface SingleRow {
  readonly name: string;
  readonly work: string;
  /** For people. A "~" stands before what was worked out from a smaller measurement. */
  readonly measured: string;
  readonly goal: string;
  readonly figures: Readonly<Record<string, number | null>>;
}
