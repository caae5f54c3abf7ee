import type { CommandExit, Machine } from "@lifeboat/model";

export interface CommandResult {
  readonly exit: CommandExit;
  /** Bounded by `maxOutputBytes`; `truncated` tells when there was more. */
  readonly stdout: Uint8Array;
  readonly stderr: string;
  readonly truncated: boolean;
}

export interface CommandOptions {
  readonly signal: AbortSignal;
  readonly input?: Uint8Array | string;
  readonly env?: Readonly<Record<string, string>>;
  readonly secretEnv?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default 1 MiB. What comes after it is read and dropped, so that the program can end. */
  readonly maxOutputBytes?: number;
}

/** Runs a program to its end and collects what it says. Rejects only when it could not be started or was aborted. */
export async function runCommand(machine: Machine, argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
  options.signal.throwIfAborted();
  const { input, maxOutputBytes = 1 << 20, ...rest } = options;
  const running = await machine.run(argv, rest);
  // The exit's rejection must not go unhandled while the output is still being read.
  running.exit.catch(() => {});
  const writing = feed(running, input);
  const parts: Uint8Array[] = [];
  let kept = 0;
  let truncated = false;
  for await (const bytes of running.stdout) {
    const part = bytes.subarray(0, maxOutputBytes - kept);
    if (part.length < bytes.length) truncated = true;
    if (part.length > 0) parts.push(part.slice());
    kept += part.length;
  }
  await writing;
  const exit = await running.exit;
  options.signal.throwIfAborted();
  return { exit, stdout: Buffer.concat(parts), stderr: running.stderr(), truncated };
}

async function feed(
  running: { write(bytes: Uint8Array): Promise<void>; endInput(): void },
  input: Uint8Array | string | undefined,
): Promise<void> {
  try {
    if (input !== undefined && input.length > 0) await running.write(typeof input === "string" ? Buffer.from(input) : input);
    running.endInput();
  } catch {
    // A program that stops reading early says why by its exit status and stderr.
  }
}

/** stdout as text, when the program ended with 0; else undefined. */
export function outputOf(result: CommandResult): string {
  return Buffer.from(result.stdout).toString("utf8");
}

/** Last words of a program for one line: stderr, else stdout, else its status. */
export function lastWords(result: CommandResult): string {
  const text = result.stderr.trim() || outputOf(result).trim();
  if (text !== "") return text.length > 400 ? `... ${text.slice(-400)}` : text;
  return result.exit.status === null ? `ended by signal ${result.exit.signal ?? "unknown"}` : `exit status ${result.exit.status}`;
}
