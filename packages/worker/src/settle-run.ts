import type { RunRow } from "@lifeboat/catalog";
import { countedAttempt, exitCodes, isLifeboatError, messageOf, retryDelayMs, retryRuleOf, waitsForLocks } from "@lifeboat/model";
import { keepTrying } from "./keep-trying.ts";
import type { WorkOutcome } from "./run-work.ts";
import type { WorkerOptions } from "./worker-options.ts";

/** What a person must mend first (a typing error, a wrong password) does not get better by trying again. */
const hopeless: readonly number[] = [exitCodes.usage, exitCodes.wrongPassword];

const lockPauseMs = 30 * 60_000;
const lockPatienceMs = 24 * 3600_000;

/** Settled for good, or back to the queue: when the worker was stopped at once, after an error as the retry rule says. */
export async function settleRun(
  options: WorkerOptions,
  run: RunRow,
  attempt: number,
  { record, error }: WorkOutcome,
  wasStopped: boolean,
): Promise<void> {
  const { catalog, jobs } = options;
  const cause = record.cause ?? (error === undefined ? null : messageOf(error));
  // A drill says itself that it was cancelled, without an error.
  const isOpen =
    record.result === "cancelled" ? wasStopped || error !== undefined : record.result === "failed" && error !== undefined;
  try {
    const delay = !isOpen ? undefined : wasStopped ? 0 : await keepTrying(jobs, () => delayAfter(options, run, attempt, error));
    if (delay !== undefined) {
      const release = { notBeforeMs: jobs.clock.now() + delay, cause: cause ?? "the worker was stopped", code: record.code };
      await keepTrying(jobs, () => catalog.releaseRun(run.id, attempt, release));
      jobs.logger.warn(
        { run: run.id, attempt, cause, again_in_s: Math.round(delay / 1000) },
        "attempt failed, it is tried again",
      );
      return;
    }
    await keepTrying(jobs, () => catalog.settleRun(run.id, attempt, record));
    jobs.logger.info({ run: run.id, attempt, result: record.result, ...(cause !== null && { cause }) }, "run settled");
  } catch (failure) {
    if (!isLifeboatError(failure, "job-fenced")) throw failure;
    jobs.logger.warn({ run: run.id, attempt }, "a newer attempt has taken over");
  }
}

/** Milliseconds until the next attempt; undefined: there is none. */
async function delayAfter(
  { catalog, jobs, config }: WorkerOptions,
  run: RunRow,
  attempt: number,
  error: unknown,
): Promise<number | undefined> {
  if (isLifeboatError(error) && error.retry === "never" && hopeless.includes(error.exitCode)) return undefined;
  const rule = retryRuleOf(config, run);
  const again = retryDelayMs(rule, attempt);
  if (again !== undefined || !waitsForLocks(run.kind)) return again;
  if (isLifeboatError(error, "repository-locked")) {
    // A lock that nobody renews is for a person to remove, who must hear of it soon.
    const waitedMs = jobs.clock.now() - Math.max(run.slotMs, run.recordedMs);
    return error.context.stale === true || waitedMs + lockPauseMs > lockPatienceMs ? undefined : lockPauseMs;
  }
  return retryDelayMs(rule, countedAttempt({ kind: run.kind, attempt }, await catalog.attemptsOf(run.id)));
}
