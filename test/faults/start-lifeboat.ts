import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanEnvironment } from "../services/index.ts";

const program = fileURLToPath(new URL("../../packages/cli/bin/lifeboat.js", import.meta.url));

export interface EndedLifeboat {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartedLifeboat {
  /** SIGKILL for the command itself; nothing when it has ended. */
  kill(): void;
  readonly ended: Promise<EndedLifeboat>;
}

export interface Shorter {
  /** So many times shorter: the pauses between two tries. */
  readonly pauses: number;
  /** The time without a byte after which a connection counts as dead. */
  readonly patience: number;
}

/** The command as a person runs it, with a home of its own; with `shorter`, it waits less (`shorten-waits.ts`). Dead after five minutes. */
export function startLifeboat(home: string, args: readonly string[], shorter?: Shorter): StartedLifeboat {
  const preload = `--import=${new URL("./shorten-waits.ts", import.meta.url).href}`;
  const child = spawn(process.execPath, [program, ...args], {
    cwd: home,
    env: cleanEnvironment({
      HOME: home,
      XDG_STATE_HOME: join(home, "state-home"),
      ...(shorter !== undefined && {
        NODE_OPTIONS: preload,
        LIFEBOAT_TEST_SHORTER_PAUSES: String(shorter.pauses),
        LIFEBOAT_TEST_SHORTER_PATIENCE: String(shorter.patience),
      }),
    }),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 300_000,
    killSignal: "SIGABRT",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return {
    kill: () => void child.kill("SIGKILL"),
    ended: new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }));
    }),
  };
}
