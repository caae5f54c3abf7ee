import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { openCatalog } from "@lifeboat/catalog";
import {
  createConsole,
  createLogger,
  ensureStateFolder,
  findConfig,
  findStateFolder,
  readConfigFiles,
  readEnvironment,
  realClock,
  statePaths,
  stopOnSignals,
} from "@lifeboat/host";
import { exitCodes, isLifeboatError, LifeboatError, listIncludes, messageOf, parseConfig, renderProblems } from "@lifeboat/model";
import { openQueue } from "@lifeboat/queue";
import { startScheduler } from "./start-scheduler.ts";

/** The scheduler alone, for installations with a Redis of their own: `main.ts [--config FILE] [--state DIR]`. */
async function main(): Promise<void> {
  using stop = stopOnSignals();
  const environment = readEnvironment();
  const clock = realClock();
  const logger = createLogger({ level: "info", fields: { program: "scheduler" } });
  const { values } = parseArgs({ options: { config: { type: "string" }, state: { type: "string" } } });
  const path = findConfig({ flag: values.config, environment });
  if (path === undefined) throw new LifeboatError("config-missing", "no lifeboat.yaml here and none in /etc/lifeboat");
  const files = await readConfigFiles(path, (text) => listIncludes(path, text).patterns);
  const { config, problems } = parseConfig(files, { env: environment, nowMs: clock.now() });
  if (config === undefined) throw new LifeboatError("config-invalid", renderProblems(problems, files));
  const { redisUrl } = config.control;
  if (redisUrl === undefined) {
    throw new LifeboatError("control-plane-unreachable", `${path} sets no control.redis.url`, {
      hint: "Set it, or run 'lifeboat up', which starts a Redis of its own.",
    });
  }
  const state = ensureStateFolder(findStateFolder({ flag: values.state, configured: config.control.state, environment }));
  const catalog = await openCatalog(statePaths(state).history, { clock });
  const queue = await openQueue({ redisUrl, clock, logger });
  const scheduler = startScheduler({ config, catalog, queue, clock, logger, instance: `${hostname()}:${process.pid}` });
  logger.info({ config: path, state }, "the scheduler runs");
  await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
  await scheduler.stop();
  await queue.close();
  await catalog.close();
}

try {
  await main();
} catch (error) {
  const terminal = createConsole({ environment: readEnvironment() });
  terminal.note(
    isLifeboatError(error)
      ? `lifeboat: ${error.message}${error.hint ? `\n${error.hint}` : ""}`
      : `lifeboat: bug: ${messageOf(error)}`,
  );
  process.exitCode = isLifeboatError(error) ? error.exitCode : exitCodes.failed;
}
