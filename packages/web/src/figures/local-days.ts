import { formatWithOffset, type RunResult, worstResult } from "@lifeboat/model";

export interface LocalDay {
  /** "2026-11-21" in the zone. */
  readonly date: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** The last `count` days of the zone's calendar, oldest first, today last. A day of a clock change has 23 or 25 hours. */
export function lastLocalDays(nowMs: number, timezone: string, count: number): LocalDay[] {
  const days: LocalDay[] = [];
  let endMs = nextMidnight(nowMs, timezone);
  for (let index = 0; index < count; index++) {
    const startMs = midnightBefore(endMs, timezone);
    days.unshift({ date: formatWithOffset(startMs, timezone).slice(0, 10), startMs, endMs });
    endMs = startMs;
  }
  return days;
}

const quarterMs = 15 * 60_000;

/** Zones change their clocks at quarter hours, so a step of one finds each day's first instant, also where 00:00 does not exist. */
function midnightBefore(endMs: number, timezone: string): number {
  const date = formatWithOffset(endMs - 1, timezone).slice(0, 10);
  let startMs = endMs - 22 * 3_600_000;
  while (formatWithOffset(startMs - 1, timezone).slice(0, 10) === date) startMs -= quarterMs;
  return startMs;
}

function nextMidnight(nowMs: number, timezone: string): number {
  const date = formatWithOffset(nowMs, timezone).slice(0, 10);
  let endMs = Math.ceil((nowMs + 1) / quarterMs) * quarterMs;
  while (formatWithOffset(endMs, timezone).slice(0, 10) === date) endMs += quarterMs;
  return endMs;
}

/** The worst result of each day; "none" for a day without a run. Skipped ones say nothing about the data. */
export function resultsByDay(
  days: readonly LocalDay[],
  runs: readonly { readonly result: RunResult; readonly atMs: number }[],
): (RunResult | "none")[] {
  return days.map(({ startMs, endMs }) => {
    const results = runs.filter((run) => run.atMs >= startMs && run.atMs < endMs).map((run) => run.result);
    const answers = results.filter((result) => result !== "skipped" && result !== "cancelled");
    if (answers.length > 0) return worstResult(answers);
    return results[0] ?? "none";
  });
}

/** The first instant of "2026-11-21" in the zone; undefined when the text is no day. */
export function parseLocalDay(text: string, timezone: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  const utcMs = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(utcMs) || new Date(utcMs).toISOString().slice(0, 10) !== text) return undefined;
  // Zones are at most 14 hours away: the first quarter hour whose local date is this one.
  for (let atMs = utcMs - 15 * 3_600_000; atMs <= utcMs + 15 * 3_600_000; atMs += quarterMs) {
    if (formatWithOffset(atMs, timezone).slice(0, 10) >= text) return atMs;
  }
  return undefined;
}
