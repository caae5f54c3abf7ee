import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { killProcesses, listDescendants } from "../services/process-tree.ts";
import { lifeboatProgram } from "./lifeboat-command.ts";
import { StepFailure } from "./step-failure.ts";

export interface RunningService {
  readonly pageUrl: string;
  /** SIGTERM, as systemd would; a StepFailure when it does not end in order. */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly configFile: string;
  readonly logFile: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 45_000;
const advice = "Its log stands above; 'lifeboat doctor --config FILE' looks at everything from the outside.";

/** `lifeboat up` in a process of its own, until scheduler, worker and page say that they run. */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const log = openSync(options.logFile, "a", 0o600);
  const before = readFileSync(options.logFile, "utf8").length;
  // The death signal stops it even if this process is killed.
  const args = ["--pdeathsig", "TERM", "--", process.execPath, lifeboatProgram, "up", "--config", options.configFile];
  const child = spawn("setpriv", args, { env: options.environment, cwd: options.cwd, stdio: ["ignore", log, log] });
  closeSync(log);
  let ended: string | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      ended = error.message;
      resolve();
    });
    child.once("exit", (code, signal) => {
      ended = signal ?? `exit code ${code}`;
      resolve();
    });
  });
  const stop = async () => {
    if (ended !== undefined) return;
    const descendants = listDescendants(child.pid ?? -1);
    child.kill("SIGTERM");
    await Promise.race([exited, sleep(stopTimeoutMs, undefined, { ref: false })]);
    if (ended === undefined) {
      killProcesses([...descendants, ...listDescendants(child.pid ?? -1)]);
      child.kill("SIGKILL");
      await exited;
      throw new StepFailure(`the service did not stop within ${stopTimeoutMs / 1000} s and was killed`, advice);
    }
    if (ended !== "exit code 0" && ended !== "exit code 130") {
      killProcesses(descendants);
      throw new StepFailure(`the service ended with ${ended}`, advice);
    }
  };
  try {
    const deadline = performance.now() + startTimeoutMs;
    for (;;) {
      options.signal.throwIfAborted();
      const said = readFileSync(options.logFile, "utf8").slice(before);
      const pageUrl = /^page runs: (http:\S+)$/m.exec(said)?.[1];
      if (pageUrl !== undefined && /^scheduler runs$/m.test(said) && /^worker 1 runs$/m.test(said)) return { pageUrl, stop };
      if (ended !== undefined) throw new StepFailure(`the service ended with ${ended} before it was ready`, advice);
      if (performance.now() > deadline)
        throw new StepFailure(`the service was not ready after ${startTimeoutMs / 1000} s`, advice);
      await Promise.race([sleep(100), exited]);
    }
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}
