import { type ChildProcess, spawn } from "node:child_process";
import type { Clock, Logger } from "@lifeboat/model";

export interface SupervisedOptions {
  /** For people: "worker 1". */
  readonly name: string;
  /** Its main.ts. */
  readonly main: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the program says of itself: `{ ready: true, url }`. */
  readonly onReady: (message: { readonly url?: string }) => void;
  /** It ended by itself with this exit code and has never been ready: nothing will mend that by trying again. */
  readonly onRefusal: (exitCode: number) => void;
}

export interface SupervisedProgram {
  pid(): number | undefined;
  /** SIGTERM, and SIGKILL when it has not ended after a while. */
  stop(): Promise<void>;
}

const stopTimeoutMs = 30_000;
const shortestPauseMs = 500;
const longestPauseMs = 30_000;
/** Who ran for so long has not ended because of what ended it before: it is started again as soon as the first time. */
const steadyAfterMs = 60_000;

/**
 * Keeps a program of the service running in a process of its own: what breaks in one does not take the others along. The channel
 * to it closes when this process is killed, so that it ends as well.
 */
export function superviseProgram(options: SupervisedOptions): SupervisedProgram {
  const { name, clock, logger } = options;
  const stopping = new AbortController();
  let child: ChildProcess | undefined;
  let ended: Promise<number> = Promise.resolve(0);
  let wasEverReady = false;
  let readyAtMs: number | undefined;

  const start = () => {
    readyAtMs = undefined;
    // A group of its own: Ctrl-C reaches this process alone, which then stops the others in order.
    child = spawn(process.execPath, [options.main, ...options.args], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: { ...options.environment },
      detached: true,
    });
    ended = new Promise((resolve) => {
      child?.once("exit", (code, signal) => resolve(signal === null ? (code ?? 1) : 128));
      child?.once("error", () => resolve(127));
    });
    child.on("message", (message) => {
      wasEverReady = true;
      readyAtMs = clock.now();
      options.onReady(message as { url?: string });
    });
  };

  const keep = async () => {
    let pauseMs = shortestPauseMs;
    let neverReady = 0;
    while (!stopping.signal.aborted) {
      const code = await ended;
      if (stopping.signal.aborted) return;
      // One that has run before can run again: a port that somebody holds for a second, a full disk or a busy history pass, and its end
      // must not take the others along, which are in the middle of their backups.
      if (!wasEverReady) {
        options.onRefusal(code);
        return;
      }
      if (readyAtMs !== undefined && clock.now() - readyAtMs >= steadyAfterMs) pauseMs = shortestPauseMs;
      neverReady = readyAtMs === undefined ? neverReady + 1 : 0;
      const level = neverReady >= 3 ? "error" : "warn";
      logger[level]({ program: name, exit_code: code, starts_in_vain: neverReady }, `${name} has ended, starting it again`);
      await clock.sleep(pauseMs, stopping.signal).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      if (!stopping.signal.aborted) start();
    }
  };

  start();
  const kept = keep();
  return {
    pid: () => child?.pid,
    async stop() {
      stopping.abort(new Error("stopped"));
      child?.kill("SIGTERM");
      const timer = new AbortController();
      const killLater = clock.sleep(stopTimeoutMs, timer.signal).then(
        () => child?.kill("SIGKILL"),
        () => undefined,
      );
      await ended;
      timer.abort();
      await killLater;
      await kept;
    },
  };
}
