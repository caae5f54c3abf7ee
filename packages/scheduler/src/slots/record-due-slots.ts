import { type Catalog, type RunRow, type ScheduleState, scheduleKey } from "@lifeboat/catalog";
import {
  type CompiledConfig,
  catchUpSlots,
  formatRunId,
  formatWithOffset,
  type Logger,
  lastSlot,
  ordinaryClockStepMs,
  type RunRecord,
} from "@lifeboat/model";
import { type ScheduledObject, scheduledObjects } from "./scheduled-objects.ts";

export interface RecordedSlots {
  readonly recorded: number;
  readonly skipped: number;
}

/**
 * A slot is on time for this long. Within it each slot gets its run, however late the tick or the worker is (Redis may have
 * been away); a run that has waited longer stands for the slots after it, which are skipped.
 */
const graceSeconds = 60;
/** Slots missed in a downtime that get a row of their own; one policy `every: 1s` must not write a million. */
const maxMissedRows = 100;

/**
 * Due slots since the last recorded one become pending runs, or skipped ones with the reason: every slot has one row, and its
 * id is the slot's, so two schedulers write the same rows. Ascending, so that a kill in between leaves the rest due.
 */
export async function recordDueSlots(
  { config, catalog, logger }: { readonly config: CompiledConfig; readonly catalog: Catalog; readonly logger: Logger },
  nowMs: number,
): Promise<RecordedSlots> {
  const objects = scheduledObjects(config);
  let states = await catalog.scheduleStates(objects);
  if ([...states.values()].some((state) => wasAhead(state, nowMs))) {
    // Else what passes in a downtime would be neither made up for nor recorded until the wrong time has come.
    const schedules = await catalog.setSchedulesBack(ordinaryClockStepMs);
    logger.warn({ schedules }, "the clock was ahead when slots were recorded; schedules go on from the last slot before");
    states = await catalog.scheduleStates(objects);
  }
  const open = Map.groupBy(await catalog.openRuns(), scheduleKey);
  let recorded = 0;
  let skipped = 0;
  for (const each of objects) {
    const state = states.get(scheduleKey(each));
    if (state === undefined) continue;
    const lastRecordedMs = state.lastSlotMs ?? state.knownSinceMs;
    const { run, missed } = catchUpSlots(each.schedule, each.jitterName, { lastRecordedMs, nowMs, graceSeconds });
    const skip = async (slotMs: number, cause: string) => {
      if (await catalog.recordSettled(skippedRecord(each, slotMs, nowMs, cause))) skipped++;
    };
    if (missed !== undefined) {
      const slots = newestSlots(each, missed.firstMs, missed.lastMs);
      logger.warn(
        { run: scheduleKey(each), since: new Date(missed.firstMs).toISOString(), rows: slots.length },
        "slots were missed",
      );
      for (const slotMs of slots) await skip(slotMs, "missed: no scheduler was running");
    }
    const before = open.get(scheduleKey(each)) ?? [];
    for (const slotMs of run) {
      const id = idOf(each, slotMs);
      const reason = overlapOf(before, id, nowMs);
      if (reason !== undefined) await skip(slotMs, reason);
      else if (await catalog.recordPending({ ...nameOf(each), id, slot: slotText(each, slotMs) })) recorded++;
    }
  }
  return { recorded, skipped };
}

function wasAhead({ knownSinceMs, lastSlotMs }: ScheduleState, nowMs: number): boolean {
  return lastSlotMs !== null && lastSlotMs > nowMs + ordinaryClockStepMs && knownSinceMs <= nowMs;
}

/** Why a new slot of the same object gets no run of its own; undefined: it gets one. */
function overlapOf(before: readonly RunRow[], id: string, nowMs: number): string | undefined {
  for (const run of before) {
    if (run.id === id) continue;
    if (run.state === "running") return `still running: ${run.id}`;
    if (run.attempt > 0) return `still being tried: ${run.id}`;
    if (run.slotMs < nowMs - graceSeconds * 1000) return `still waiting: ${run.id}`;
  }
  return undefined;
}

function newestSlots(each: ScheduledObject, firstMs: number, lastMs: number): number[] {
  const slots: number[] = [];
  let slot: number | undefined = lastMs;
  while (slot !== undefined && slots.length < maxMissedRows) {
    slots.push(slot);
    slot = lastSlot(each.schedule, each.jitterName, firstMs - 1, slot - 1);
  }
  return slots.reverse();
}

function skippedRecord(each: ScheduledObject, slotMs: number, nowMs: number, cause: string): RunRecord {
  const now = formatWithOffset(nowMs, each.schedule.when.timezone);
  return {
    ...nameOf(each),
    schema: "lifeboat.run/1",
    id: idOf(each, slotMs),
    slot: slotText(each, slotMs),
    started: now,
    ended: now,
    result: "skipped",
    attempt: 0,
    cause,
    code: null,
    repository: null,
    snapshot: null,
    figures: {},
    problems: [],
    problemCount: 0,
  };
}

function nameOf({ kind, object, policy }: ScheduledObject) {
  return { kind, object, policy };
}

function idOf({ kind, object }: ScheduledObject, slot: number): string {
  return formatRunId({ kind, object, slot });
}

function slotText({ schedule }: ScheduledObject, slotMs: number): string {
  return formatWithOffset(slotMs, schedule.when.timezone);
}
