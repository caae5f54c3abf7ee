import { Redis, type RedisOptions } from "ioredis";
import { type QueueConnection, unreachable } from "../jobs/queue-job.ts";
import { parseRedisUrl } from "./redis-address.ts";

export interface RedisClient {
  readonly redis: Redis;
  readonly place: string;
}

const connectTimeoutMs = 5_000;
const longestReconnectMs = 1_000;

/**
 * A connection that comes back for ever and never throws an 'error' event at the process. Each outage is logged once, and its
 * end once. Rejects with `control-plane-unreachable` when there is no Redis at the start.
 */
export async function connectRedis(
  { redisUrl, logger }: QueueConnection,
  tuning: Pick<RedisOptions, "enableOfflineQueue" | "maxRetriesPerRequest" | "commandTimeout">,
): Promise<RedisClient> {
  const address = parseRedisUrl(redisUrl);
  const redis = new Redis({
    ...address.options,
    ...tuning,
    connectTimeout: connectTimeoutMs,
    retryStrategy: (times) => Math.min(times * 100, longestReconnectMs),
    lazyConnect: true,
  });
  let reachable = true;
  let lastError: unknown = "connection closed";
  redis.on("error", (error) => {
    lastError = error;
  });
  redis.on("close", () => {
    if (reachable && redis.status !== "end")
      logger.warn({ redis: address.place, cause: String(lastError) }, "redis is gone, trying again");
    reachable = false;
  });
  redis.on("ready", () => {
    if (!reachable) logger.info({ redis: address.place }, "redis is back");
    reachable = true;
  });
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw unreachable(address.place, error instanceof Error && error.message !== "Connection is closed." ? error : lastError);
  }
  return { redis, place: address.place };
}
