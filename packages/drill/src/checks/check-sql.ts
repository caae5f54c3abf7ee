import type { CompiledDrillCheck } from "@lifeboat/model";
import type { LiveDatabase } from "../targets.ts";
import { type CheckOutcome, failed, inconclusive, passed } from "./check-outcome.ts";
import { readScalar } from "./read-scalar.ts";

export type SqlCheck = Extract<CompiledDrillCheck, { type: "sql" }>;

/** Row contents do not enter the report in full. */
const maxValueChars = 80;

export async function checkSql(check: SqlCheck, target: LiveDatabase, signal: AbortSignal): Promise<CheckOutcome> {
  const wanted = describeWanted(check);
  if (wanted === "") return inconclusive("nothing", "the check has no expect, min or max, so every answer would do");
  const answer = await readScalar(target, check.query, wanted, { signal, timeoutSeconds: check.timeoutSeconds });
  if ("outcome" in answer) return answer.outcome;
  const { value } = answer;
  const found = value === null ? "null" : value.slice(0, maxValueChars);
  const no = failed(wanted, found, `the query gave ${found}, wanted ${wanted}`);
  if (value === null) return no;
  if (check.expect !== undefined && value !== check.expect && !sameNumber(value, check.expect)) return no;
  const number = value.trim() === "" ? Number.NaN : Number(value);
  // `!(a >= b)`, so that something that is no number is a no.
  if (check.min !== undefined && !(number >= check.min)) return no;
  if (check.max !== undefined && !(number <= check.max)) return no;
  return passed(wanted, found);
}

/** "0" and "0.00" are the same answer; "007" and "7" as texts of equal meaning too. */
function sameNumber(value: string, expect: string): boolean {
  const number = /^-?\d+(\.\d+)?$/;
  return number.test(value) && number.test(expect) && value.length <= 15 && Number(value) === Number(expect);
}

function describeWanted(check: SqlCheck): string {
  const parts: string[] = [];
  if (check.expect !== undefined) parts.push(check.expect.slice(0, maxValueChars));
  if (check.min !== undefined) parts.push(`>= ${check.min}`);
  if (check.max !== undefined) parts.push(`<= ${check.max}`);
  return parts.join(" and ");
}
