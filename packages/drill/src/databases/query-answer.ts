/** What a database said to one query. */
export type QueryAnswer =
  | { readonly kind: "rows"; readonly rows: readonly (readonly (string | null)[])[] }
  /** A table or column that the query names is not there: an answer about the data, not a fault of the query. */
  | { readonly kind: "missing"; readonly message: string }
  /** The damage before the query could not be done; the query was not asked. */
  | { readonly kind: "damage-refused"; readonly message: string }
  /** No answer: no connection, wrong syntax, time out. */
  | { readonly kind: "error"; readonly message: string };

export interface QueryOptions {
  readonly signal: AbortSignal;
  readonly timeoutSeconds: number;
  /** Statements done first in the same transaction, which is rolled back: the query sees damaged data, the copy stays whole. */
  readonly damage?: string;
}

/** Rows that are read at most; a check wants one. */
export const maxAnswerBytes = 1 << 20;
export const nullMarker = "\u0001null";
export const queryMarker = "lifeboat-query-begins";

/** Removes what would end the statement early for tools that glue it into another one. */
export function trimQuery(query: string): string {
  return query.trim().replace(/;+\s*$/, "");
}

/** First line of an error, bounded, without the tool's own prefix. */
export function firstErrorLine(stderr: string): string {
  const line = stderr.split("\n").find((text) => /error/i.test(text)) ?? stderr.split("\n")[0] ?? "";
  return line.trim().slice(0, 300);
}
