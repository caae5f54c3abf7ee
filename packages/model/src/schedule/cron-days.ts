import type { ParsedCron } from "./cron.ts";
import { zoneOffsetMs } from "./time-zone.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** Slots of one local day of the zone. */
export interface CronDay {
  /** Ascending instants in milliseconds; not empty. */
  readonly slots: readonly number[];
  /** No clock change near: the slots lie as in every other ordinary day. */
  readonly ordinary: boolean;
}

/**
 * The days that have slots, from the local day of `fromMs` (and one before it) on, at most `dayCount` days.
 * Clock changes: a time in the spring gap runs once, right after the gap; a time in the repeated autumn hour runs once (the
 * first time) for fixed hours and both times for wild hours, which follow elapsed time.
 */
export function* cronDays(cron: ParsedCron, timezone: string, fromMs: number, dayCount: number): Generator<CronDay> {
  const firstDay = Math.floor((fromMs + zoneOffsetMs(timezone, fromMs)) / dayMs) * dayMs - dayMs;
  // Offsets lie between -12 h and +14 h, so a local day lies inside these two instants.
  for (let index = 0; index < dayCount; index++) {
    const localDay = firstDay + index * dayMs;
    const date = new Date(localDay);
    if (!cron.matchesDay(date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCDay())) continue;
    const startMs = localDay - 15 * hourMs;
    const endMs = localDay + dayMs + 13 * hourMs;
    const before = zoneOffsetMs(timezone, startMs);
    const after = zoneOffsetMs(timezone, endMs);
    if (before === after) {
      yield { slots: cron.minutesOfDay.map((minute) => localDay + minute * minuteMs - before), ordinary: true };
    } else {
      const change = { atMs: findChange(timezone, startMs, endMs, before), before, after };
      yield { slots: slotsNearChange(cron, localDay, change), ordinary: false };
    }
  }
}

interface ClockChange {
  /** First instant of the new offset. */
  readonly atMs: number;
  readonly before: number;
  readonly after: number;
}

function findChange(timezone: string, startMs: number, endMs: number, before: number): number {
  let low = startMs;
  let high = endMs;
  while (high - low > 1000) {
    const middle = Math.floor((low + high) / 2000) * 1000;
    if (zoneOffsetMs(timezone, middle) === before) low = middle;
    else high = middle;
  }
  return high;
}

function slotsNearChange(cron: ParsedCron, localDay: number, change: ClockChange): number[] {
  const slots = new Set<number>();
  for (const minute of cron.minutesOfDay) {
    const local = localDay + minute * minuteMs;
    const first = local - change.before;
    const second = local - change.after;
    const firstIsReal = first < change.atMs;
    const secondIsReal = second >= change.atMs;
    if (firstIsReal) slots.add(first);
    if (secondIsReal && (!firstIsReal || cron.wildHours)) slots.add(second);
    if (!firstIsReal && !secondIsReal) slots.add(change.atMs);
  }
  return [...slots].sort((left, right) => left - right);
}
