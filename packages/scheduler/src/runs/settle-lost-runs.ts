import type { Catalog, RunRow } from "@lifeboat/catalog";
import {
  type CompiledConfig,
  countedAttempt,
  type ErrorCode,
  formatWithOffset,
  isLifeboatError,
  type Logger,
  type RunRecord,
  retryDelayMs,
  retryRuleOf,
} from "@lifeboat/model";
import { zoneOf } from "../slots/scheduled-objects.ts";
import type { SilenceWatch } from "./watch-silence.ts";

/** A code of its own: without one a check that was killed would read as one that found damage. */
const workerLost: ErrorCode = "worker-lost";

export interface LostRunsOptions {
  readonly config: CompiledConfig;
  readonly catalog: Catalog;
  readonly logger: Logger;
  /** A running run that has not beaten for so long is lost. */
  readonly staleAfterMs: number;
  readonly silence: SilenceWatch;
}

/**
 * Runs whose worker fell silent: to the queue again at once (the worker died, the source did nothing wrong), or failed when
 * no attempt is left. The next attempt adopts the snapshot if the lost one had come that far.
 */
export async function settleLostRuns(
  { config, catalog, logger, staleAfterMs, silence }: LostRunsOptions,
  nowMs: number,
): Promise<number> {
  let count = 0;
  // Watched from half of that time on: so a worker that dies under a clock that is right costs no more than the whole of it.
  for (const run of silence(await catalog.lostRuns(staleAfterMs / 2))) {
    if (Math.abs(nowMs - (run.heartbeatMs ?? 0)) <= staleAfterMs) continue;
    const cause = `its worker ${run.owner ?? ""} fell silent`;
    try {
      const counted = countedAttempt(run, await catalog.attemptsOf(run.id));
      if (retryDelayMs(retryRuleOf(config, run), counted) === undefined) {
        await catalog.settleRun(run.id, run.attempt, lostRecord(config, run, nowMs, cause));
      } else {
        const beat = run.heartbeatMs === null ? {} : { ifHeartbeatMs: run.heartbeatMs };
        await catalog.releaseRun(run.id, run.attempt, { notBeforeMs: nowMs, cause, code: workerLost, ...beat });
      }
      logger.warn({ run: run.id, attempt: run.attempt, owner: run.owner }, "a run was lost");
      count++;
    } catch (error) {
      // it spoke again, or another scheduler was faster
      if (!isLifeboatError(error, "job-fenced")) throw error;
    }
  }
  return count;
}

function lostRecord(config: CompiledConfig, run: RunRow, nowMs: number, cause: string): RunRecord {
  const zone = zoneOf(config, run.policy);
  return {
    schema: "lifeboat.run/1",
    id: run.id,
    kind: run.kind,
    object: run.object,
    policy: run.policy,
    slot: run.slot,
    started: formatWithOffset(run.startedMs ?? run.slotMs, zone),
    ended: formatWithOffset(nowMs, zone),
    result: "failed",
    attempt: run.attempt,
    cause: `${cause} in attempt ${run.attempt}, the last one`,
    code: workerLost,
    repository: null,
    snapshot: null,
    figures: {},
    problems: [],
    problemCount: 0,
  };
}
