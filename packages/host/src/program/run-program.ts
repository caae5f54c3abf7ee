import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import {
  type Clock,
  type CompiledConfig,
  exitCodes,
  isLifeboatError,
  LifeboatError,
  type Logger,
  renderError,
  renderProblems,
} from "@lifeboat/model";
import { listIncludes, parseConfig } from "@lifeboat/model/config";
import { realClock } from "../clock/real-clock.ts";
import { findConfig } from "../config/find-config.ts";
import { readConfigFiles } from "../config/read-config-files.ts";
import { createConsole } from "../console/console-output.ts";
import { type Environment, readEnvironment } from "../environment/environment.ts";
import { createLogger } from "../logger/create-logger.ts";
import { createSecretMask, type SecretMask } from "../secrets/secret-mask.ts";
import { stopOnSignals } from "../signals/stop-on-signals.ts";
import { ensureStateFolder, findStateFolder } from "../state/state-folder.ts";

/** What a program of the service runs in. */
export interface ProgramFrame {
  readonly config: CompiledConfig;
  /** Real path of the state folder. */
  readonly stateFolder: string;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly mask: SecretMask;
  /** `--redis`, else control.redis.url; undefined: neither is set. May hold a password. */
  readonly redisUrl: string | undefined;
  /** The value of a further option. */
  option(name: string): string | undefined;
  /** Says that it works now; whoever started the program may wait for it. */
  ready(message?: { readonly url?: string }): void;
  /** Resolves at the first signal, or when whoever started the program is gone. */
  readonly stopped: Promise<void>;
}

/**
 * The main of a service's program: `main.ts [--config FILE] [--state DIR] [--redis URL] [--OPTION VALUE]`. Reads the configuration,
 * runs `work` and ends the process with the exit code of what went wrong.
 */
export async function runProgram(
  name: string,
  options: readonly string[],
  work: (frame: ProgramFrame) => Promise<void>,
): Promise<void> {
  // Or Node may stand for ever at its end, as in the command line's bin/lifeboat.js.
  if (process.versions.node.startsWith("24.")) setFlagsFromString("--no-maglev --no-concurrent-sparkplug");
  const environment = readEnvironment();
  try {
    using stop = stopOnSignals();
    // Started by another process that was killed: nobody would stop this one.
    process.on("disconnect", () => stop.stop(new LifeboatError("cancelled", "the process that started this one is gone")));
    const known = ["config", "state", "redis", ...options];
    const { values } = parseArgs({ options: Object.fromEntries(known.map((option) => [option, { type: "string" as const }])) });
    const option = (wanted: string) => values[wanted] as string | undefined;
    const clock = realClock();
    const config = await loadConfig(option("config"), environment, clock);
    const mask = createSecretMask();
    const logger = createLogger({ level: "info", fields: { program: name }, mask });
    const stateFolder = ensureStateFolder(
      findStateFolder({ flag: option("state"), configured: config.control.state, environment }),
    );
    await work({
      config,
      stateFolder,
      environment,
      clock,
      logger,
      mask,
      redisUrl: option("redis") ?? config.control.redisUrl,
      option,
      ready(message = {}) {
        logger.info({ config: config.file, state: stateFolder, ...message }, `the ${name} runs`);
        process.send?.({ ready: true, ...message });
      },
      stopped: new Promise((resolve) => {
        if (stop.signal.aborted) resolve();
        else stop.signal.addEventListener("abort", () => resolve(), { once: true });
      }),
    });
  } catch (error) {
    createConsole({ environment }).note(`${name}: ${renderError(error)}`);
    process.exitCode = isLifeboatError(error) ? error.exitCode : exitCodes.failed;
  }
  // The channel to whoever started it would keep the process alive.
  if (process.connected) process.disconnect();
}

async function loadConfig(flag: string | undefined, environment: Environment, clock: Clock): Promise<CompiledConfig> {
  const path = findConfig({ flag, environment });
  if (path === undefined) throw new LifeboatError("config-missing", "no lifeboat.yaml here and none in /etc/lifeboat");
  const files = await readConfigFiles(path, (text) => listIncludes(path, text).patterns);
  const { config, problems } = parseConfig(files, { env: environment, nowMs: clock.now() });
  if (config !== undefined) return config;
  createConsole({ environment }).note(renderProblems(problems, files).trimEnd());
  throw new LifeboatError("config-invalid", `${path} has errors`);
}

/** Redis of `--redis` or the configuration; without one there is no queue. */
export function requireRedisUrl({ config, redisUrl }: Pick<ProgramFrame, "config" | "redisUrl">): string {
  if (redisUrl !== undefined) return redisUrl;
  throw new LifeboatError("control-plane-unreachable", `${config.file} sets no control.redis.url`, {
    hint: "Set it, or run 'lifeboat up', which starts a Redis of its own.",
  });
}
