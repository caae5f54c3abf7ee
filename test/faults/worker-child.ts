import { join } from "node:path";
import { parseArgs } from "node:util";
import { openCatalog } from "@lifeboat/catalog";
import { createLogger, statePaths } from "@lifeboat/host";
import { startWorker } from "@lifeboat/worker";
import { openFaultContext } from "./open-fault-context.ts";

/** A worker that does one run at a time, so that a test knows how many wait. SIGTERM lets it end what it does. */
const { values } = parseArgs({ options: { config: { type: "string" }, redis: { type: "string" } } });
const { config, signal: _, ...jobs } = openFaultContext(values.config ?? "");
if (config?.control.state === undefined) throw new Error("the configuration names no state folder");
const logger = createLogger({ level: "info", fields: { program: "worker" } });
const catalog = await openCatalog(statePaths(config.control.state).history, { clock: jobs.clock });
const worker = await startWorker({
  config,
  catalog,
  redisUrl: values.redis ?? "",
  instance: `worker:${process.pid}`,
  concurrency: 1,
  jobs: { ...jobs, logger },
  stateFolder: join(config.control.state),
  installId: jobs.owner.hostname,
  random: Math.random,
});
process.once("SIGTERM", async () => {
  await worker.drain();
  await catalog.close();
  process.exit(0);
});
