import type { RunningCommand } from "@lifeboat/model";
import { LifeboatError } from "@lifeboat/model";
import { ChunkList } from "../process/chunk-list.ts";

const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * A program (psql, sqlite3) that is asked one thing after the other over its stdin and answers in lines. Each question is
 * followed by one that prints a marker.
 */
export class LineSession {
  readonly command: RunningCommand;
  readonly #what: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(command: RunningCommand, what: string) {
    this.command = command;
    this.#what = what;
    this.#chunks = command.stdout[Symbol.asyncIterator]();
  }

  /** The lines before `marker`; undefined when the program ended without printing it: its exit and stderr say why. */
  async ask(question: string, marker: string): Promise<string[] | undefined> {
    try {
      await this.command.write(Buffer.from(question, "utf8"));
    } catch {
      return undefined;
    }
    const end = Buffer.from(`${marker}\n`);
    const parts = new ChunkList();
    /** The end of what was searched already: the marker may have begun there. */
    let searched: Buffer = Buffer.alloc(0);
    for (let chunk: Uint8Array = this.#rest; ; ) {
      parts.push(chunk);
      if (parts.bytes > maxAnswerBytes)
        throw new LifeboatError("host-garbage", `${this.#what} answers with more than ${maxAnswerBytes} bytes`);
      const tail = Buffer.concat([searched, chunk]);
      if (tail.includes(end)) {
        const answer = parts.takeJoined();
        const at = answer.indexOf(end);
        this.#rest = answer.subarray(at + end.length);
        const lines = answer.toString("utf8", 0, at).split("\n");
        lines.pop();
        return lines;
      }
      searched = tail.subarray(Math.max(0, tail.length - end.length + 1));
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      chunk = next.value;
    }
  }

  /** What it prints from here on, as it comes. */
  async *output(): AsyncGenerator<Uint8Array, void, undefined> {
    let done = false;
    try {
      if (this.#rest.length > 0) yield this.#rest;
      this.#rest = Buffer.alloc(0);
      for (let next = await this.#chunks.next(); next.done !== true; next = await this.#chunks.next()) yield next.value;
      done = true;
    } finally {
      if (!done) await this.#chunks.return?.();
    }
  }

  /** Lets it end by itself. */
  async end(): Promise<number | null> {
    this.command.endInput();
    for await (const _chunk of this.output());
    return (await this.command.exit).status;
  }
}
