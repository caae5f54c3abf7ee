import { Queue } from "bullmq";
import { connectRedis } from "../redis/connect-redis.ts";
import { checkRunId, defaultPrefix, parseJob, type QueueConnection, type QueueJob, queueName, unreachable } from "./queue-job.ts";

/** `absent`: not in Redis. The catalog alone knows whether such a run is done or was lost with Redis. */
export type JobState = "waiting" | "active" | "absent";

/** Transport only: every method may throw `control-plane-unreachable`, and all that is in it may be lost at any time. */
export interface RunQueue {
  /** Puts the run into the queue unless it is there already. True when it was not. */
  enqueue(job: QueueJob): Promise<boolean>;
  /** Lets a waiting run go at least as early as this priority says. True when it goes earlier now. */
  raise(runId: string, priority: number): Promise<boolean>;
  jobState(runId: string): Promise<JobState>;
  /** Ids of all runs that wait or run, in one question. */
  jobIds(): Promise<Set<string>>;
  /** Takes a waiting run out. False when it is not waiting. */
  remove(runId: string): Promise<boolean>;
  counts(): Promise<{ readonly waiting: number; readonly active: number }>;
  close(): Promise<void>;
}

const commandTimeoutMs = 10_000;
const finished = new Set(["completed", "failed"]);

export async function openQueue(connection: QueueConnection): Promise<RunQueue> {
  // No queueing while Redis is away: the caller hears it at once, and its next tick tries again.
  const { redis, place } = await connectRedis(connection, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: commandTimeoutMs,
  });
  const queue = new Queue(queueName, {
    connection: redis,
    prefix: connection.prefix ?? defaultPrefix,
    // A finished run leaves Redis: its id must be free when the catalog wants another attempt. History is the catalog's.
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
  });
  queue.on("error", (error) => connection.logger.debug({ cause: error.message }, "queue connection"));
  const ask = async <T>(question: () => Promise<T>): Promise<T> => {
    try {
      return await question();
    } catch (error) {
      throw unreachable(place, error);
    }
  };
  return {
    async enqueue(job) {
      checkRunId(job.runId);
      const data = parseJob(job);
      return ask(async () => {
        const existing = await queue.getJob(job.runId);
        if (existing !== undefined) {
          // left over from a worker that had other ideas of removing; it would swallow the new one
          if (!finished.has(await existing.getState())) return false;
          await existing.remove();
        }
        await queue.add(job.kind, data, { jobId: job.runId, priority: job.priority });
        return existing === undefined;
      });
    },
    raise: (runId, priority) =>
      ask(async () => {
        const job = await queue.getJob(runId);
        if (job === undefined || job.priority <= priority || (await job.getState()) !== "prioritized") return false;
        // One that a worker took in this moment is not in the line any more: nothing changes.
        await job.changePriority({ priority });
        return true;
      }),
    jobState: (runId) =>
      ask(async () => {
        const state = await queue.getJobState(runId);
        return state === "active" ? "active" : state === "unknown" || finished.has(state) ? "absent" : "waiting";
      }),
    jobIds: () =>
      ask(async () => {
        const ids = await queue.getRanges(["waiting", "prioritized", "delayed", "active"], 0, -1);
        return new Set(ids);
      }),
    remove: (runId) =>
      ask(async () => {
        const job = await queue.getJob(runId);
        if (job === undefined || (await job.getState()) === "active") return false;
        await job.remove();
        return true;
      }),
    counts: () =>
      ask(async () => {
        const {
          waiting = 0,
          prioritized = 0,
          delayed = 0,
          active = 0,
        } = await queue.getJobCounts("waiting", "prioritized", "delayed", "active");
        return { waiting: waiting + prioritized + delayed, active };
      }),
    async close() {
      // while Redis is away `close` would wait for it
      if (redis.status === "ready") await queue.close().catch(() => undefined);
      redis.disconnect();
    },
  };
}
