import type { Catalog } from "@lifeboat/catalog";
import { type CompiledConfig, isLifeboatError, type Logger } from "@lifeboat/model";
import type { RunQueue } from "@lifeboat/queue";
import { feedQueue } from "./runs/feed-queue.ts";
import { hastenRetries } from "./runs/hasten-retries.ts";
import { settleLostRuns } from "./runs/settle-lost-runs.ts";
import type { SilenceWatch } from "./runs/watch-silence.ts";
import { recordDueSlots } from "./slots/record-due-slots.ts";
import { recordFollowUps } from "./slots/record-follow-ups.ts";
import type { SettledWatch } from "./slots/watch-settled.ts";

export interface Reconciliation {
  /** Runs that became pending. */
  readonly recorded: number;
  /** Slots recorded as skipped. */
  readonly skipped: number;
  /** Runs whose worker fell silent. */
  readonly lost: number;
  /** Runs put into the queue; undefined: Redis does not answer, the next tick tries again. */
  readonly enqueued: number | undefined;
}

export interface ReconcileOptions {
  readonly config: CompiledConfig;
  readonly catalog: Catalog;
  readonly queue: RunQueue;
  readonly logger: Logger;
  /** A running run that has not beaten for so long is lost. */
  readonly staleAfterMs: number;
  /** These go from round to round with the scheduler. They only say when to look: when they are new, nothing is lost. */
  readonly silence: SilenceWatch;
  readonly settled: SettledWatch;
}

/**
 * Makes what is (catalog, queue) into what should be at this time. May be killed at any point and called by several at once:
 * every step is a compare-and-set on the catalog, and the queue is filled from the catalog last. So a slot is never lost and
 * never done twice, whatever happens to Redis.
 */
export async function reconcile(options: ReconcileOptions, nowMs: number): Promise<Reconciliation> {
  const lost = await settleLostRuns(options, nowMs);
  await hastenRetries(options, nowMs);
  const { recorded, skipped } = await recordDueSlots(options, nowMs);
  const followUps = await recordFollowUps(options, nowMs);
  return { recorded: recorded + followUps, skipped, lost, enqueued: await feedIfReachable(options, nowMs) };
}

async function feedIfReachable(options: ReconcileOptions, nowMs: number): Promise<number | undefined> {
  try {
    return await feedQueue(options, nowMs);
  } catch (error) {
    if (isLifeboatError(error, "control-plane-unreachable")) return undefined;
    throw error;
  }
}
