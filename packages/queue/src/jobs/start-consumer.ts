import { type Clock, messageOf } from "@lifeboat/model";
import { type Job, Worker } from "bullmq";
import { connectRedis } from "../redis/connect-redis.ts";
import { defaultPrefix, parseJob, type QueueConnection, type QueueJob, queueName } from "./queue-job.ts";

export interface ConsumerOptions extends QueueConnection {
  /** Runs at the same time. */
  readonly concurrency: number;
  /**
   * Does one run. It asks the catalog first (`claimRun`), because a run may be delivered twice, and settles there whatever
   * happens. What it throws is logged; nothing is tried again because of it. `signal` aborts when the consumer stops.
   */
  readonly handler: (job: QueueJob, context: { readonly signal: AbortSignal }) => Promise<void>;
  /**
   * Redis no longer knows that this run is ours (Redis was lost, or the event loop was blocked for more than 30 s). The run
   * goes on: only the catalog's heartbeat says whether a newer attempt has taken over.
   */
  readonly onLost?: (runId: string) => void;
}

export interface Consumer {
  /** Ids of the runs in work. */
  running(): string[];
  /** Takes no more, lets what runs come to its end. */
  drain(): Promise<void>;
  /** Takes no more, aborts what runs with the reason, waits for it to end. */
  stop(reason: Error): Promise<void>;
}

/** After a loss BullMQ waits this long between its tries to fetch; its own default of 15 s would miss slots. */
const fetchRetryMs = 500;
/** BullMQ's defaults, spelled out: a worker that neither beats nor renews for 30 s has lost the job. */
const lockMs = 30_000;
/** What closing may take when nothing runs any more: Redis may be away. */
const closeTimeoutMs = 3_000;

export async function startConsumer(options: ConsumerOptions): Promise<Consumer> {
  const { logger, clock } = options;
  // `null`: commands wait through an outage, which BullMQ demands for its blocking connection
  const { redis } = await connectRedis(options, { maxRetriesPerRequest: null });
  const running = new Map<string, Promise<void>>();
  const controller = new AbortController();

  const handle = async (job: Job): Promise<void> => {
    const work = parseJob(job.data);
    try {
      await options.handler(work, { signal: controller.signal });
    } catch (error) {
      logger.error({ run: work.runId, err: error }, "the handler of a run failed");
    }
  };
  const worker = new Worker(
    queueName,
    async (job) => {
      const id = job.id ?? "";
      const done = handle(job);
      running.set(id, done);
      try {
        await done;
      } finally {
        running.delete(id);
      }
    },
    {
      connection: redis,
      prefix: options.prefix ?? defaultPrefix,
      concurrency: options.concurrency,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      runRetryDelay: fetchRetryMs,
      drainDelay: 2,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    },
  );
  worker.on("error", (error) => logger.debug({ cause: messageOf(error) }, "consumer connection"));
  worker.on("lockRenewalFailed", (ids: string[]) => {
    for (const id of ids) {
      logger.warn({ run: id }, "redis no longer knows that this run is ours; it goes on");
      options.onLost?.(id);
    }
  });
  worker.on("stalled", (id) => logger.warn({ run: id }, "a run's worker is gone, it is delivered again"));

  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      // takes no more; the second round catches a job that was on its way
      await worker.pause(true).catch(() => undefined);
      while (running.size > 0) await Promise.allSettled(running.values());
      // while Redis is away BullMQ's orderly close waits for ever, for a connection that it has itself stopped
      const orderly = redis.status === "ready";
      await settlesWithin(
        worker.close(!orderly).catch(() => undefined),
        closeTimeoutMs,
        clock,
      );
      redis.disconnect();
    })();
    return closing;
  };
  return {
    running: () => [...running.keys()],
    drain: close,
    stop(reason) {
      controller.abort(reason);
      return close();
    },
  };
}

async function settlesWithin(promise: Promise<unknown>, milliseconds: number, clock: Clock): Promise<void> {
  const timer = new AbortController();
  await Promise.race([promise, clock.sleep(milliseconds, timer.signal).catch(() => undefined)]);
  timer.abort();
}
