import type { CompiledDrillCheck, DumpFacts } from "@lifeboat/model";
import { quoteTableName } from "../databases/query-target.ts";
import type { LiveDatabase } from "../targets.ts";
import { type CheckOutcome, failed, inconclusive, passed } from "./check-outcome.ts";
import { readScalar } from "./read-scalar.ts";

export type RowCountCheck = Extract<CompiledDrillCheck, { type: "row_count" }>;

export async function checkRowCount(
  check: RowCountCheck,
  target: LiveDatabase,
  facts: DumpFacts | undefined,
  signal: AbortSignal,
): Promise<CheckOutcome> {
  const expected = check.compare === "recorded" ? recordedRows(facts, check.table) : check.compare.count;
  if (expected === undefined) {
    return inconclusive(`rows of ${check.table} as recorded`, `no number of rows of "${check.table}" was recorded at dump time`);
  }
  const slack = allowedRows(check, expected);
  const wanted = slack === 0 ? `${expected} rows` : `${expected} rows, ${slack} more or less`;
  const query = `select count(*) from ${quoteTableName(target, check.table)}`;
  const answer = await readScalar(target, query, wanted, { signal, timeoutSeconds: check.timeoutSeconds });
  if ("outcome" in answer) return answer.outcome;
  const count = Number(answer.value);
  const found = `${count} rows`;
  if (Math.abs(count - expected) <= slack) return passed(wanted, found);
  return failed(wanted, found, `"${check.table}" has ${found}, wanted ${wanted}`);
}

/** How many rows more or less still pass. */
export function allowedRows(check: RowCountCheck, expected: number): number {
  return Math.floor(expected * check.toleranceRatio);
}

/** Facts name a table with or without its schema; so may the check. "public" is PostgreSQL's default schema. */
export function recordedRows(facts: DumpFacts | undefined, table: string): number | undefined {
  const rows = facts?.rows;
  if (rows === undefined) return undefined;
  const names = [table, `public.${table}`, table.startsWith("public.") ? table.slice("public.".length) : table];
  for (const name of names) if (Object.hasOwn(rows, name)) return rows[name];
  return undefined;
}
