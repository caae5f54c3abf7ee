import type { CompiledDrillCheck } from "@lifeboat/model";
import { formatElapsed } from "../report/format-figures.ts";
import type { LiveDatabase } from "../targets.ts";
import { type CheckOutcome, failed, inconclusive, passed } from "./check-outcome.ts";
import { readScalar } from "./read-scalar.ts";

export type FreshnessCheck = Extract<CompiledDrillCheck, { type: "freshness" }>;

/** Newer than T0 by more than this is no clock skew any more: such data says nothing about its age. */
const maxFutureSeconds = 300;

/** Age is measured against T0: what matters is how old the data was when the disaster was declared. */
export async function checkFreshness(
  check: FreshnessCheck,
  target: LiveDatabase,
  declaredAtMs: number,
  signal: AbortSignal,
): Promise<CheckOutcome> {
  const wanted = `<= ${formatElapsed(check.maxAgeSeconds)}`;
  const answer = await readScalar(target, check.query, wanted, { signal, timeoutSeconds: check.timeoutSeconds });
  if ("outcome" in answer) return answer.outcome;
  if (answer.value === null) return failed(wanted, "no data", "the query gave null: there is no newest row");
  const timeMs = parseDatabaseTime(answer.value);
  if (timeMs === undefined) return inconclusive(wanted, `"${answer.value.slice(0, 40)}" is no time`);
  const dataAgeSeconds = (declaredAtMs - timeMs) / 1000;
  if (dataAgeSeconds < -maxFutureSeconds) {
    return inconclusive(wanted, `the newest row lies ${formatElapsed(-dataAgeSeconds)} after the drill was declared`);
  }
  const found = `${formatElapsed(Math.max(0, dataAgeSeconds))} old`;
  if (dataAgeSeconds <= check.maxAgeSeconds) return { ...passed(wanted, found), dataAgeSeconds };
  return { ...failed(wanted, found, `the newest data is ${found}, wanted ${wanted}`), dataAgeSeconds };
}

/** ISO text with or without zone (without: UTC), a date, or a number of seconds or milliseconds since 1970. */
export function parseDatabaseTime(text: string): number | undefined {
  const value = text.trim();
  if (/^\d{9,10}(\.\d+)?$/.test(value)) return Number(value) * 1000;
  if (/^\d{12,13}$/.test(value)) return Number(value);
  const match = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?)(\.\d{1,9})?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/.exec(value);
  if (match === null) return undefined;
  const zone = match[4] ?? "Z";
  const offset = zone === "Z" ? "Z" : `${zone.slice(0, 3)}:${zone.slice(3).replace(":", "") || "00"}`;
  const clock = match[2] ?? "00:00:00";
  const time = Date.parse(`${match[1]}T${clock.length === 5 ? `${clock}:00` : clock}${(match[3] ?? "").slice(0, 4)}${offset}`);
  return Number.isNaN(time) ? undefined : time;
}
