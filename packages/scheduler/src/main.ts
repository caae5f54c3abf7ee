import { hostname } from "node:os";
import { openCatalog } from "@lifeboat/catalog";
import { requireRedisUrl, runProgram, statePaths } from "@lifeboat/host";
import { openQueue } from "@lifeboat/queue";
import { startScheduler } from "./start-scheduler.ts";

/** The scheduler alone: `main.ts [--config FILE] [--state DIR] [--redis URL]`. `lifeboat up` starts it so. */
await runProgram("scheduler", [], async (frame) => {
  const { config, clock, logger, stateFolder } = frame;
  const redisUrl = requireRedisUrl(frame);
  const catalog = await openCatalog(statePaths(stateFolder).history, { clock });
  const queue = await openQueue({ redisUrl, clock, logger });
  const scheduler = startScheduler({ config, catalog, queue, clock, logger, instance: `${hostname()}:${process.pid}` });
  // Whoever looks for its beat as soon as it is up must find one; a round that fails is told and comes again.
  await scheduler.reconcileNow().catch((error: unknown) => logger.error({ err: error }, "a round of the scheduler failed"));
  frame.ready();
  await frame.stopped;
  await scheduler.stop();
  await queue.close();
  await catalog.close();
});
