import type { CompiledSchedule } from "../config/compiled-config.ts";
import { cronDays, dayMs } from "./cron-days.ts";
import { cronOf } from "./slots.ts";

/** Many policies share a schedule, and a year of days is worth keeping. */
const known = new Map<string, number>();

/**
 * The longest time between two slots in the 400 days after `fromMs` (nine years where slots are that rare), clock changes
 * included, in seconds; undefined for a manual schedule. The jitter is fixed, so it does not change the gap.
 */
export function worstGapSeconds(schedule: CompiledSchedule, fromMs: number): number | undefined {
  const { when } = schedule;
  if (when.kind === "manual") return undefined;
  if (when.kind === "every") return when.seconds;
  const cron = cronOf(when.expression);
  const key = `${when.expression} ${when.timezone} ${Math.floor(fromMs / dayMs)}`;
  let gap = known.get(key);
  if (gap === undefined) {
    gap = gapWithin(400) ?? gapWithin(9 * 366);
    if (known.size > 1000) known.clear();
    if (gap !== undefined) known.set(key, gap);
  }
  return gap;

  function gapWithin(dayCount: number): number | undefined {
    let worstMs = 0;
    let last: number | undefined;
    let ordinaryGap: number | undefined;
    for (const day of cronDays(cron, when.timezone, fromMs + dayMs, dayCount)) {
      const [first = 0] = day.slots;
      if (last !== undefined) worstMs = Math.max(worstMs, first - last);
      // Inside ordinary days the gaps are the same every day: looked at once.
      if (!day.ordinary) worstMs = Math.max(worstMs, longestStep(day.slots));
      else ordinaryGap ??= longestStep(day.slots);
      last = day.slots.at(-1);
    }
    worstMs = Math.max(worstMs, ordinaryGap ?? 0);
    return worstMs > 0 ? worstMs / 1000 : undefined;
  }
}

function longestStep(slots: readonly number[]): number {
  let longest = 0;
  for (let at = 1; at < slots.length; at++) longest = Math.max(longest, slots[at]! - slots[at - 1]!);
  return longest;
}
