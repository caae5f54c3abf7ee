import { type Clock, LifeboatError, type Logger, type RunKind } from "@lifeboat/model";

/** What travels through Redis, in clear text: names and ids, never a secret. Everything else the worker looks up. */
export interface QueueJob {
  /** Also the job's id. */
  readonly runId: string;
  readonly kind: RunKind;
  readonly object: string;
  readonly policy: string | null;
  /** Due time in milliseconds since 1970. */
  readonly slot: number;
  /** 1 goes first; up to 2 097 152. */
  readonly priority: number;
}

/** What queue and consumer both need. */
export interface QueueConnection {
  /** "redis://host:port/db", "rediss://..." or "unix:/path/redis.sock". May hold a password, so it is never shown. */
  readonly redisUrl: string;
  /** Start of all key names; two installations on one Redis need two. Default "lifeboat". */
  readonly prefix?: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One queue for all kinds: the catalog decides what is due, priorities decide what goes first. */
export const queueName = "runs";
export const defaultPrefix = "lifeboat";

/** Anyone who can write to Redis can write a job; what is not one is refused here. */
export function parseJob(data: unknown): QueueJob {
  const job = data as Partial<Record<keyof QueueJob, unknown>> | null;
  const valid =
    typeof job === "object" &&
    job !== null &&
    [job.runId, job.kind, job.object].every((field) => typeof field === "string" && field.length > 0 && field.length < 500) &&
    (job.policy === null || typeof job.policy === "string") &&
    [job.slot, job.priority].every((field) => typeof field === "number");
  if (!valid) throw new Error("a job in Redis is not one of Lifeboat's");
  return job as QueueJob;
}

/** BullMQ builds key names with `:` and takes bare numbers for its own ids; both would be accepted late or not at all. */
export function checkRunId(runId: string): void {
  if (runId.includes(":") || /^\d*$/.test(runId)) throw new Error(`'${runId}' cannot be a job's id`);
}

export function unreachable(place: string, cause: unknown): LifeboatError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new LifeboatError("control-plane-unreachable", `redis at ${place} does not answer (${why})`, { cause });
}
