import type { Claim, RunRow } from "@lifeboat/catalog";
import { createRunRecord, endOfError, type JobContext, type RunOrder } from "@lifeboat/jobs";
import { LifeboatError, messageOf } from "@lifeboat/model";
import { type Consumer, startConsumer } from "@lifeboat/queue";
import { runKindHandlers } from "./kinds/run-kinds.ts";
import { timeoutSecondsOf } from "./run-timeout.ts";
import type { WorkOutcome } from "./run-work.ts";
import { settleRun } from "./settle-run.ts";
import { keepSweeping } from "./sweep-drills.ts";
import type { WorkerOptions } from "./worker-options.ts";

/** The scheduler takes a run as lost after this silence. */
const staleAfterMs = 60_000;

export interface RunningWorker {
  /** Ids of the runs in work. */
  running(): string[];
  /** Takes no more runs, lets those at work end. */
  drain(): Promise<void>;
  /** Takes no more runs and stops those at work: nothing is committed, they are tried again later. */
  stop(): Promise<void>;
}

/**
 * Takes runs from the queue. The queue only says that there may be work: the catalog's claim decides who does it, the heartbeat
 * holds it, and the fence before a commit stops an attempt that was taken over. A run is settled, or released for another attempt,
 * exactly once.
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { catalog, jobs } = options;
  const consumer: Consumer = await startConsumer({
    redisUrl: options.redisUrl,
    ...(options.redisPrefix !== undefined && { prefix: options.redisPrefix }),
    clock: jobs.clock,
    logger: jobs.logger,
    concurrency: options.concurrency ?? 2,
    handler: async ({ runId }, { signal }) => {
      const claim = await catalog.claimRun(runId, options.instance, { staleAfterMs });
      if (claim.claimed) await doRun(options, claim, signal);
      else jobs.logger.debug({ run: runId, because: claim.because }, "not this worker's run");
    },
  });
  const beating = new AbortController();
  const beats = keepBeating(options, beating.signal);
  const sweeps = keepSweeping(options, beating.signal);
  const end = async (stopped: Promise<void>) => {
    await stopped;
    beating.abort();
    await Promise.all([beats, sweeps]);
  };
  return {
    running: () => consumer.running(),
    drain: () => end(consumer.drain()),
    stop: () => end(consumer.stop(new LifeboatError("cancelled", "the worker is being stopped"))),
  };
}

async function doRun(options: WorkerOptions, claim: Extract<Claim, { claimed: true }>, stopSignal: AbortSignal): Promise<void> {
  const { jobs } = options;
  const { run, attempt } = claim;
  const fenced = new AbortController();
  const timeout = new AbortController();
  const signal = AbortSignal.any([stopSignal, fenced.signal, timeout.signal]);
  const finished = new AbortController();
  const heartbeat = holdRun(options, run, attempt, fenced, finished.signal);
  const timer = watchTimeout(options, run, timeout, finished.signal);
  const context: JobContext = { ...jobs, config: options.config, signal };
  const order = orderOf(options, run, attempt);
  jobs.logger.info({ run: run.id, attempt }, "run begins");
  const started = jobs.clock.now();
  let outcome: WorkOutcome;
  try {
    outcome = await runKindHandlers[run.kind]({ run, context, order, worker: options });
  } catch (error) {
    outcome = { record: createRunRecord(order, started, jobs.clock, endOfError(error, signal)), error };
  } finally {
    finished.abort();
    await Promise.all([heartbeat, timer]);
  }
  if (fenced.signal.aborted) {
    jobs.logger.warn({ run: run.id, attempt }, "a newer attempt has taken over; this one ends without a result");
    return;
  }
  const wasCut = outcome.error !== undefined || outcome.record.result === "cancelled";
  await settleRun(
    options,
    run,
    attempt,
    timeout.signal.aborted && wasCut ? timedOut(outcome) : outcome,
    stopSignal.aborted && !timeout.signal.aborted,
  );
}

function timedOut(outcome: WorkOutcome): WorkOutcome {
  return {
    record: {
      ...outcome.record,
      result: "failed",
      cause: "ran longer than its timeout and was stopped",
      code: "job-timeout",
    },
    error: undefined,
  };
}

function orderOf({ config, catalog }: WorkerOptions, run: RunRow, attempt: number): RunOrder {
  const zone = run.policy === null ? undefined : config.policies.get(run.policy)?.schedule.when.timezone;
  return {
    runId: run.id,
    attempt,
    policy: run.policy,
    timezone: zone ?? config.company.timezone,
    fence: async () => {
      if (await catalog.heartbeat(run.id, attempt)) return;
      throw new LifeboatError("job-fenced", `a newer attempt of ${run.id} has taken over; attempt ${attempt} commits nothing`);
    },
  };
}

/** Tells the catalog that the run is alive; when it has been taken over, the work is stopped. */
async function holdRun(
  options: WorkerOptions,
  run: RunRow,
  attempt: number,
  fenced: AbortController,
  finished: AbortSignal,
): Promise<void> {
  const { catalog, jobs } = options;
  while (!finished.aborted) {
    await jobs.clock.sleep(options.heartbeatMs ?? 5000, finished).catch(() => undefined);
    if (finished.aborted) return;
    try {
      if (!(await catalog.heartbeat(run.id, attempt))) {
        fenced.abort(new LifeboatError("job-fenced", `a newer attempt of ${run.id} has taken over`));
        return;
      }
    } catch (error) {
      jobs.logger.warn({ run: run.id, cause: messageOf(error) }, "the heartbeat could not be written, it is tried again");
    }
  }
}

async function watchTimeout(options: WorkerOptions, run: RunRow, timeout: AbortController, finished: AbortSignal): Promise<void> {
  const seconds = timeoutSecondsOf(options.config, run);
  if (seconds === undefined) return;
  await options.jobs.clock.sleep(seconds * 1000, finished).then(
    () => timeout.abort(new LifeboatError("cancelled", `${run.id} ran longer than ${seconds} s`)),
    () => undefined,
  );
}

async function keepBeating({ catalog, jobs, instance }: WorkerOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await catalog
      .beat({ program: "worker", instance })
      .catch((error: unknown) => jobs.logger.warn({ cause: messageOf(error) }, "no beat"));
    await jobs.clock.sleep(5000, signal).catch(() => undefined);
  }
}
