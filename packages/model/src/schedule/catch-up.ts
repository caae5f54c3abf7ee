import type { CompiledSchedule } from "../config/compiled-config.ts";
import { lastSlot, slotsBetween } from "./slots.ts";

export interface CatchUp {
  /** Due times to start now, ascending. */
  readonly run: readonly number[];
  /** The stretch of due times that is left out because it passed in a downtime; undefined when nothing was missed. */
  readonly missed: { readonly firstMs: number; readonly lastMs: number } | undefined;
  /** How far the last recorded slot lies in the future: more than 0 means that the clock went back. */
  readonly clockBackMs: number;
}

/** Clocks are set by less than this in ordinary life; a step back by more says that the time before was wrong. */
export const ordinaryClockStepMs = 3_600_000;

/**
 * What is due at `nowMs` when everything up to `lastRecordedMs` is recorded (for a new policy: the time it was first seen).
 * On time is what is not older than the grace (default 60 s): each such slot runs. Older ones passed while nobody looked: when
 * nothing is on time, `catch_up: once` runs the latest of them and `skip` none.
 * When the clock went back, nothing runs until it has passed the last recorded slot; when it went back by more than an hour, the
 * earlier clock was wrong and slots on time run again. A slot recorded before keeps its run id, so the history's key refuses twice.
 */
export function catchUpSlots(
  schedule: CompiledSchedule,
  policyName: string,
  times: { readonly lastRecordedMs: number; readonly nowMs: number; readonly graceSeconds?: number },
): CatchUp {
  const { lastRecordedMs, nowMs } = times;
  const graceMs = (times.graceSeconds ?? 60) * 1000;
  const clockBackMs = Math.max(0, lastRecordedMs - nowMs);
  if (clockBackMs > ordinaryClockStepMs) {
    return { run: slotsBetween(schedule, policyName, nowMs - graceMs, nowMs), missed: undefined, clockBackMs };
  }
  const onTimeFrom = Math.max(lastRecordedMs, nowMs - graceMs);
  const onTime = slotsBetween(schedule, policyName, onTimeFrom, nowMs);
  const firstLate = slotsBetween(schedule, policyName, lastRecordedMs, onTimeFrom, { limit: 1 })[0];
  if (firstLate === undefined) return { run: onTime, missed: undefined, clockBackMs };
  const lastLate = lastSlot(schedule, policyName, lastRecordedMs, onTimeFrom) ?? firstLate;
  if (onTime.length > 0 || schedule.catchUp === "skip") {
    return { run: onTime, missed: { firstMs: firstLate, lastMs: lastLate }, clockBackMs };
  }
  const before = lastLate === firstLate ? undefined : lastSlot(schedule, policyName, lastRecordedMs, lastLate - 1);
  return {
    run: [lastLate],
    missed: before === undefined ? undefined : { firstMs: firstLate, lastMs: before },
    clockBackMs,
  };
}
