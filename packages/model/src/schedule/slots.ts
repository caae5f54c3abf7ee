import type { CompiledSchedule } from "../config/compiled-config.ts";
import { LifeboatError } from "../errors/lifeboat-error.ts";
import { type ParsedCron, parseCron } from "./cron.ts";
import { cronDays, dayMs } from "./cron-days.ts";
import { jitterMs } from "./jitter.ts";

/** Leap years' 29 February comes after eight years at the latest. */
const horizonDays = 8 * 366 + 2;

/**
 * Due times in (`afterMs`, `untilMs`], ascending, the first `limit` (default 10,000) of them. They follow from the schedule
 * and the name alone, so they can be computed again after everything else is lost; the jitter is part of them.
 */
export function slotsBetween(
  schedule: CompiledSchedule,
  policyName: string,
  afterMs: number,
  untilMs: number,
  options: { readonly limit?: number } = {},
): number[] {
  const limit = options.limit ?? 10_000;
  const shift = jitterMs(policyName, schedule.jitterSeconds);
  const slots: number[] = [];
  if (!(untilMs > afterMs)) return slots;
  for (const nominal of nominalSlots(schedule, afterMs - shift, untilMs - shift)) {
    if (slots.length >= limit) break;
    slots.push(nominal + shift);
  }
  return slots;
}

/** The first due time after `afterMs`; undefined for a manual schedule. */
export function nextSlot(schedule: CompiledSchedule, policyName: string, afterMs: number): number | undefined {
  return slotsBetween(schedule, policyName, afterMs, afterMs + horizonDays * dayMs, { limit: 1 })[0];
}

/** The last due time in (`afterMs`, `untilMs`], or undefined when there is none. */
export function lastSlot(schedule: CompiledSchedule, policyName: string, afterMs: number, untilMs: number): number | undefined {
  // Windows that double, from the end backwards: a year of one-minute slots is not listed to find its last.
  let end = untilMs;
  for (let size = stepOf(schedule); end > afterMs; size *= 2) {
    const start = Math.max(afterMs, end - size);
    const last = slotsBetween(schedule, policyName, start, end, { limit: Number.POSITIVE_INFINITY }).at(-1);
    if (last !== undefined) return last;
    end = start;
  }
  return undefined;
}

function stepOf(schedule: CompiledSchedule): number {
  return schedule.when.kind === "every" ? schedule.when.seconds * 1000 : dayMs;
}

function* nominalSlots(schedule: CompiledSchedule, afterMs: number, untilMs: number): Generator<number> {
  const { when } = schedule;
  if (when.kind === "manual") return;
  if (when.kind === "every") {
    const step = when.seconds * 1000;
    for (let slot = (Math.floor(afterMs / step) + 1) * step; slot <= untilMs; slot += step) yield slot;
    return;
  }
  const dayCount = Math.min(Math.ceil((untilMs - afterMs) / dayMs) + 3, horizonDays + 3);
  for (const day of cronDays(cronOf(when.expression), when.timezone, afterMs, dayCount)) {
    for (const slot of day.slots) if (slot > afterMs && slot <= untilMs) yield slot;
  }
}

const parsed = new Map<string, ParsedCron>();

/** The configuration was checked before, so a bad expression here is a bug or a damaged record. */
export function cronOf(expression: string): ParsedCron {
  let cron = parsed.get(expression);
  if (cron === undefined) {
    const result = parseCron(expression);
    if ("problem" in result) throw new LifeboatError("config-invalid", result.problem);
    cron = result.cron;
    if (parsed.size > 1000) parsed.clear();
    parsed.set(expression, cron);
  }
  return cron;
}
