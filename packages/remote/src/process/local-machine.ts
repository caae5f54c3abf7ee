import { spawn } from "node:child_process";
import type { CommandExit, Machine, RunningCommand, RunOptions } from "@lifeboat/model";
import { LifeboatError, messageOf } from "@lifeboat/model";
import { quoteForShell } from "../session/quote-for-shell.ts";
import { secretLines, withSudo } from "../session/shell-command.ts";
import { BoundedText } from "./bounded-text.ts";
import { ChunkQueue } from "./chunk-queue.ts";

/** What a program has for its end after SIGTERM, and then its last words for their way. */
const killDelayMilliseconds = 5000;
const lastDelayMilliseconds = 1000;

/** The machine that the worker runs on. `env` is all that its programs get: PATH and HOME are the caller's to choose. */
export class LocalMachine implements Machine {
  readonly name = "worker";
  readonly #env: Readonly<Record<string, string>>;
  #receivedBytes = 0;
  readonly #running = new Set<RunningCommand>();

  constructor(options: { readonly env: Readonly<Record<string, string>> }) {
    this.#env = { ...options.env, LC_ALL: "C" };
  }

  async run(argv: readonly (string | Uint8Array)[], options: RunOptions = {}): Promise<RunningCommand> {
    options.signal?.throwIfAborted();
    // Only for its check: what cannot be passed on a remote machine is refused here too.
    if (options.secretEnv !== undefined) secretLines(options.secretEnv);
    const [program, ...words] = asText(withSudo(argv, options));
    if (program === undefined) throw new TypeError("no program given");
    const child = spawn(program, words, {
      env: { ...this.#env, ...options.env, ...options.secretEnv },
      stdio: ["pipe", "pipe", "pipe"],
      // A process group of its own, so that what the program has started can be ended with it.
      detached: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const ended = Promise.withResolvers<CommandExit>();
    let closed = false;
    let killTimer: NodeJS.Timeout | undefined;
    /** A process that left the group may hold it for as long as it likes; last words of the others still come. */
    const letGoOfStderr = () => {
      const timer = setTimeout(() => child.stderr.destroy(), lastDelayMilliseconds);
      child.once("close", () => clearTimeout(timer));
    };
    const kill = () => {
      if (closed || killTimer !== undefined) return;
      signalGroup(child.pid, "SIGTERM");
      child.stdin.destroy();
      child.stdout.destroy();
      // Not stderr: a shell that says "Terminated" there would die of SIGPIPE instead of running its trap.
      if (child.exitCode !== null || child.signalCode !== null) letGoOfStderr();
      killTimer = setTimeout(() => {
        signalGroup(child.pid, "SIGKILL");
        letGoOfStderr();
        // What the worker may not signal (another account's, through sudo) must not hold it either.
        if (!closed) setTimeout(() => ended.resolve({ status: null, signal: "SIGKILL" }), 2 * lastDelayMilliseconds);
      }, killDelayMilliseconds);
    };
    child.on("exit", () => {
      if (killTimer === undefined) return;
      letGoOfStderr();
      if (!signalGroup(child.pid, 0)) clearTimeout(killTimer);
    });
    const complaints = new BoundedText(options.maxStderrBytes ?? 64 * 1024);
    const output = new ChunkQueue({ stop: () => child.stdout.pause(), go: () => child.stdout.resume(), abandoned: kill });
    child.stdout.on("data", (chunk: Buffer) => {
      this.#receivedBytes += chunk.length;
      output.push(chunk);
    });
    child.stdout.on("close", () => output.end());
    child.stderr.on("data", (chunk: Buffer) => {
      this.#receivedBytes += chunk.length;
      complaints.append(chunk);
      options.complained?.(chunk);
    });
    let inputError: Error | undefined;
    child.stdin.on("error", (error) => {
      inputError = error;
    });
    child.on("close", (status, signal) => {
      closed = true;
      ended.resolve({ status, signal });
    });
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return;
      closed = true;
      complaints.append(Buffer.from(`${program}: ${error.code === "ENOENT" ? "not found" : messageOf(error)}\n`));
      output.end();
      ended.resolve({ status: error.code === "ENOENT" ? 127 : 126, signal: null });
    });
    options.signal?.addEventListener("abort", kill, { once: true });
    const command: RunningCommand = {
      stdout: output,
      write: (bytes) =>
        new Promise((resolve, reject) => {
          if (inputError !== undefined || child.stdin.destroyed || child.pid === undefined) {
            reject(inputClosed(program, inputError));
            return;
          }
          child.stdin.write(bytes, (error) => (error ? reject(inputClosed(program, error)) : resolve()));
        }),
      endInput: () => child.stdin.end(),
      stderr: () => complaints.toString(),
      exit: ended.promise,
      kill,
    };
    if (options.noInput === true) child.stdin.end();
    this.#running.add(command);
    void ended.promise.then(() => {
      this.#running.delete(command);
      options.signal?.removeEventListener("abort", kill);
    });
    return command;
  }

  bytesReceived(): number {
    return this.#receivedBytes;
  }

  /** Stops what still runs; a program that does not go is waited for no longer than `kill` takes. */
  async close(): Promise<void> {
    const running = [...this.#running];
    for (const command of running) command.kill();
    await Promise.all(running.map((command) => command.exit));
  }
}

/** False when the group has no process left. */
function signalGroup(leader: number | undefined, signal: NodeJS.Signals | 0): boolean {
  if (leader === undefined) return false;
  try {
    return process.kill(-leader, signal);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function inputClosed(program: string, cause: unknown): LifeboatError {
  return new LifeboatError("command-failed", `${program} on worker has closed its input`, { cause });
}

/**
 * Node passes arguments as UTF-8 text only. Bytes that are none travel as octal digits and become bytes again in a shell.
 */
function asText(argv: readonly (string | Uint8Array)[]): string[] {
  const texts = argv.map((word) => (typeof word === "string" ? word : Buffer.from(word).toString("utf8")));
  const faithful = argv.every((word, at) => typeof word === "string" || Buffer.from(texts[at] ?? "", "utf8").equals(word));
  if (faithful) return texts;
  const quoted = Buffer.concat(argv.flatMap((word) => [quoteForShell(word), Buffer.from(" ")]));
  const octal = Array.from(quoted, (byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join("");
  return ["sh", "-c", 'eval "set -- $(printf %b "$1")"; exec "$@"', "lifeboat", octal];
}
