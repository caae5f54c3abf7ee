import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { cleanEnvironment } from "./clean-environment.ts";
import { killProcesses, listDescendants } from "./process-tree.ts";

export interface ServerOptions {
  /** Absolute path, or a name to be found in PATH. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Runs as this account; needs root. */
  readonly account?: string;
  /** What ends it politely. */
  readonly stopSignal?: NodeJS.Signals;
  /** Asked until it answers true; an exit before that, or 60 s without it, is an error that quotes the server's output. */
  readonly isReady: () => Promise<boolean> | boolean;
}

export interface RunningServer {
  readonly pid: number;
  /** Last 64 KiB of its stdout and stderr. */
  output(): string;
  hasExited(): boolean;
  /** Polite signal, five seconds of patience, then SIGKILL for it and all its descendants. */
  stop(): Promise<void>;
  /** SIGKILL, at once, for it and all its descendants. */
  kill(): Promise<void>;
}

const outputLimitBytes = 64 * 1024;
const living = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of living) {
    if (child.pid !== undefined) killProcesses(listDescendants(child.pid));
    child.kill("SIGKILL");
  }
});

/** Starts a server in the foreground, waits until it is ready, and sees to it that it cannot outlive this process. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const stopSignal = options.stopSignal ?? "SIGTERM";
  // The death signal ends it even if this process is killed with SIGKILL.
  const wrapper = ["--pdeathsig", stopSignal.slice(3)];
  if (options.account !== undefined) wrapper.push(`--reuid=${options.account}`, `--regid=${options.account}`, "--init-groups");
  const child = spawn("setpriv", [...wrapper, "--", options.command, ...options.args], {
    env: cleanEnvironment(options.env),
    cwd: options.cwd ?? "/",
    stdio: ["ignore", "pipe", "pipe"],
  });
  living.add(child);
  let output = "";
  const keep = (data: Buffer) => {
    output = (output + data.toString("latin1")).slice(-outputLimitBytes);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  let ended: string | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      ended = error.message;
      living.delete(child);
      resolve();
    });
    child.once("exit", (code, signal) => {
      ended = signal ?? `exit code ${code}`;
      living.delete(child);
      resolve();
    });
  });
  const pid = child.pid ?? -1;

  const end = async (signal: NodeJS.Signals) => {
    if (ended !== undefined) return;
    const descendants = listDescendants(pid);
    child.kill(signal);
    await Promise.race([exited, sleep(5000, undefined, { ref: false })]);
    if (ended === undefined) {
      descendants.push(...listDescendants(pid));
      child.kill("SIGKILL");
      await exited;
    }
    killProcesses(descendants);
  };
  const server: RunningServer = {
    pid,
    output: () => output,
    hasExited: () => ended !== undefined,
    stop: () => end(stopSignal),
    kill: () => end("SIGKILL"),
  };

  const deadline = performance.now() + 60_000;
  while (!(await options.isReady())) {
    if (ended !== undefined) throw new Error(`${options.command} ended before it was ready (${ended}):\n${output}`);
    if (performance.now() > deadline) {
      await server.kill();
      throw new Error(`${options.command} was not ready after 60 s:\n${output}`);
    }
    await Promise.race([sleep(30), exited]);
  }
  return server;
}

/** Runs `start` again, up to three times: between finding a free port and binding it somebody else may take it. */
export async function retryStart<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === 3 || !/address already in use|bind|in use/i.test(String(error))) throw error;
    }
  }
}
