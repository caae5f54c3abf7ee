export { type JobState, openQueue, type RunQueue } from "./jobs/open-queue.ts";
export type { QueueConnection, QueueJob } from "./jobs/queue-job.ts";
export { type Consumer, type ConsumerOptions, startConsumer } from "./jobs/start-consumer.ts";
export { type RedisServer, type RedisServerOptions, startRedisServer } from "./redis/start-redis-server.ts";
