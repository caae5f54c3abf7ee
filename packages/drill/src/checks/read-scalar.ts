import { queryTarget } from "../databases/query-target.ts";
import type { LiveDatabase } from "../targets.ts";
import { type CheckOutcome, failed, inconclusive } from "./check-outcome.ts";

/** One value of one query, or the outcome that its absence means. */
export async function readScalar(
  target: LiveDatabase,
  query: string,
  wanted: string,
  options: { readonly signal: AbortSignal; readonly timeoutSeconds: number },
): Promise<{ readonly value: string | null } | { readonly outcome: CheckOutcome }> {
  const answer = await queryTarget(target, query, options);
  if (answer.kind === "missing") return { outcome: failed(wanted, "not there", answer.message) };
  if (answer.kind !== "rows") return { outcome: inconclusive(wanted, answer.message) };
  const [row] = answer.rows;
  if (row === undefined) return { outcome: failed(wanted, "no row", "the query gave no row") };
  if (answer.rows.length > 1 || row.length !== 1) {
    const shape = `${answer.rows.length} rows of ${row.length} columns`;
    return { outcome: inconclusive(wanted, `the query must give one value, it gave ${shape}`) };
  }
  return { value: row[0] ?? null };
}
