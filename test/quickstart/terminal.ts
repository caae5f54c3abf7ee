import { formatSeconds } from "./format-figures.ts";

/** Says something below the step that is running. */
export interface Telling {
  fact(text: string): void;
  /** A command as the reader may type it, and what it answered. */
  command(line: string, answer?: string): void;
  /** What is being waited for; seen only on a terminal, and gone when something else is said. */
  waiting(text: string): void;
}

/** Runs `work` under a numbered title; what it returns closes the step, with the time it took. */
export interface Terminal extends Telling {
  step<T>(title: string, work: () => Promise<{ readonly figure: string; readonly value: T }>): Promise<T>;
  line(text?: string): void;
}

const indent = "    ";

export function createTerminal(stream: NodeJS.WriteStream = process.stdout): Terminal {
  const moving = stream.isTTY === true && process.env.TERM !== "dumb";
  const coloured = moving && !process.env.NO_COLOR;
  const paint = (code: string, text: string) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);
  const beganAt = performance.now();
  let steps = 0;
  let statusShown = false;
  const wipe = () => {
    if (statusShown) stream.write("\r\x1b[K");
    statusShown = false;
  };
  const line = (text = "") => {
    wipe();
    stream.write(`${text}\n`);
  };
  return {
    line,
    fact: (text) => line(`${indent}${text}`),
    command(words, answer) {
      line(`${indent}${paint("36", `$ ${words}`)}`);
      for (const each of answer?.trimEnd().split("\n") ?? []) line(`${indent}  ${each}`.trimEnd());
    },
    waiting(text) {
      if (!moving) return;
      wipe();
      const shown = `${indent}... ${text} (${formatSeconds(performance.now() - beganAt)})`;
      stream.write(shown.slice(0, Math.max(1, (stream.columns ?? 80) - 1)));
      statusShown = true;
    },
    async step(title, work) {
      const startedAt = performance.now();
      line();
      line(paint("1", `${++steps}. ${title}`));
      const { figure, value } = await work();
      line(`${indent}${paint("32", "✓")} ${figure}  ${paint("2", `(${formatSeconds(performance.now() - startedAt)})`)}`);
      return value;
    },
  };
}
