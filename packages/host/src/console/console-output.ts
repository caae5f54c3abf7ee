import { createInterface } from "node:readline/promises";
import { isLifeboatError, LifeboatError } from "@lifeboat/model";
import type { Environment } from "../environment/environment.ts";
import { cleanForTerminal } from "./clean-for-terminal.ts";

/** The terminal. Standard output is data; everything else (progress, questions, warnings) goes to standard error. */
export interface ConsoleOutput {
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Whether colours and moving lines are wanted on standard error / output. */
  readonly colour: boolean;
  columns(): number;
  /** Data, byte for byte; resolves when more may be written. Throws `target-full` or `target-failed`. */
  out(data: string | Uint8Array): Promise<void>;
  /** Text for people on standard output: control characters are escaped, as in all that follows. */
  line(text: string): Promise<void>;
  /** One line to standard error; a status line is wiped first. */
  note(text: string): void;
  /** The moving line; `undefined` wipes it. Without a terminal nothing is shown. */
  status(text: string | undefined): void;
  /** Asks on the terminal. undefined when there is none: a prompt must never hang a script. */
  ask(question: string, signal?: AbortSignal): Promise<string | undefined>;
}

export interface ConsoleOptions {
  readonly environment: Environment;
  /** False for `--no-color`. */
  readonly colour?: boolean;
}

function unwritable(error: NodeJS.ErrnoException): LifeboatError {
  const code = error.code === "ENOSPC" ? "target-full" : "target-failed";
  return new LifeboatError(code, `writing to standard output failed: ${error.message}`, {
    context: { state: "what was written so far is not whole" },
    hint: "Send the output to a place that can be written and has room, and run the command again.",
    cause: error,
  });
}

export function createConsole({ environment, colour = true }: ConsoleOptions): ConsoleOutput {
  const { stdin, stdout, stderr } = process;
  let statusShown = false;
  // `lifeboat snapshots | head`: the reader has had enough, that is no error. Any other is told by the write that it broke.
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
  });
  const moving = stderr.isTTY === true && environment.TERM !== "dumb";
  const wipe = () => {
    if (statusShown) stderr.write("\r\x1b[K");
    statusShown = false;
  };
  const out = (data: string | Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      if (statusShown && stdout.isTTY === true) wipe();
      stdout.write(data, (error) => (error ? reject(unwritable(error)) : resolve()));
    });
  const colourWanted = colour && moving && !environment.NO_COLOR;
  return {
    outIsTerminal: stdout.isTTY === true,
    errIsTerminal: stderr.isTTY === true,
    colour: colourWanted,
    columns: () => stdout.columns || stderr.columns || 80,
    out,
    line: (text) => out(`${cleanForTerminal(text)}\n`),
    note(text) {
      wipe();
      stderr.write(`${cleanForTerminal(text, colourWanted)}\n`);
    },
    status(text) {
      if (!moving) return;
      wipe();
      if (text === undefined) return;
      // A terminal that does not know its width says 0.
      stderr.write(cleanForTerminal(text).slice(0, Math.max(1, (stderr.columns || 80) - 1)));
      statusShown = true;
    },
    async ask(question, signal) {
      if (stdin.isTTY !== true || stderr.isTTY !== true) return undefined;
      wipe();
      const reader = createInterface({ input: stdin, output: stderr });
      try {
        return await reader.question(cleanForTerminal(question), signal === undefined ? {} : { signal });
      } catch (error) {
        // The terminal is raw while it asks: Ctrl-C comes as a key, not as a signal.
        if ((error as Error).name !== "AbortError") throw error;
        stderr.write("\n");
        throw isLifeboatError(signal?.reason)
          ? signal.reason
          : new LifeboatError("cancelled", "stopped at the question; nothing was changed", {
              context: { state: "nothing was changed" },
            });
      } finally {
        reader.close();
      }
    },
  };
}
