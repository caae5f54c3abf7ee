import { spawn } from "node:child_process";
import type { CommandExit, Machine, RunningCommand, RunOptions } from "@lifeboat/model";
import { LifeboatError, messageOf } from "@lifeboat/model";
import { quoteForShell } from "../session/quote-for-shell.ts";
import { secretLines, withSudo } from "../session/shell-command.ts";
import { BoundedText } from "./bounded-text.ts";
import { ChunkQueue } from "./chunk-queue.ts";

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
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const kill = () => {
      child.kill("SIGTERM");
      child.stdin.destroy();
      child.stdout.destroy();
    };
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
    });
    let inputError: Error | undefined;
    child.stdin.on("error", (error) => {
      inputError = error;
    });
    const exit = new Promise<CommandExit>((resolve) => {
      child.on("close", (status, signal) => resolve({ status, signal }));
      child.on("error", (error: NodeJS.ErrnoException) => {
        if (child.pid !== undefined) return;
        complaints.append(Buffer.from(`${program}: ${error.code === "ENOENT" ? "not found" : messageOf(error)}\n`));
        output.end();
        resolve({ status: error.code === "ENOENT" ? 127 : 126, signal: null });
      });
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
      exit,
      kill,
    };
    this.#running.add(command);
    void exit.then(() => {
      this.#running.delete(command);
      options.signal?.removeEventListener("abort", kill);
    });
    return command;
  }

  bytesReceived(): number {
    return this.#receivedBytes;
  }

  /** Stops what still runs. */
  async close(): Promise<void> {
    const running = [...this.#running];
    for (const command of running) command.kill();
    await Promise.all(running.map((command) => command.exit));
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
