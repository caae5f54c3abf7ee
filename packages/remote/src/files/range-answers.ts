import { LifeboatError, type RunningCommand } from "@lifeboat/model";

interface Question {
  readonly buffer: Buffer<ArrayBuffer>;
  filled: number;
  readonly resolve: (bytes: Buffer<ArrayBuffer>) => void;
  readonly reject: (error: unknown) => void;
}

/** What may come before it was asked for: the first line, with the attributes behind it. */
const maxEarlyBytes = 1024 * 1024;

/** Splits a program's output into answers of known length, in the order of the questions. */
export class RangeAnswers {
  readonly #command: RunningCommand;
  readonly #place: string;
  readonly #questions: Question[] = [];
  #early = Buffer.alloc(0);
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #lost: unknown;
  #hasEnded = false;
  /** Resolves when the output has ended or failed. */
  readonly #ended: Promise<void>;

  constructor(command: RunningCommand, place: string) {
    this.#command = command;
    this.#place = place;
    this.#ended = this.#receive();
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Why the output broke off, when it was not the program that ended: the connection is lost. */
  get lost(): unknown {
    return this.#lost;
  }

  /** The text before the first line break; undefined when the program ended before it, or when more comes. */
  async firstLine(maxBytes: number): Promise<string | undefined> {
    for (;;) {
      const end = this.#early.subarray(0, maxBytes + 1).indexOf(10);
      if (end >= 0) {
        const line = this.#early.toString("latin1", 0, end);
        this.#early = this.#early.subarray(end + 1);
        return line;
      }
      if (this.#failure !== undefined || this.#early.length > maxBytes) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next bytes of the output that nobody has asked for yet. Rejects with `host-garbage` or `command-failed`. */
  expect(length: number): Promise<Buffer<ArrayBuffer>> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer<ArrayBuffer>>();
    // Who asked may have stopped waiting.
    promise.catch(() => {});
    if (this.#failure !== undefined && this.#early.length < length) {
      reject(this.#failure.error);
      return promise;
    }
    this.#questions.push({ buffer: Buffer.alloc(length), filled: 0, resolve, reject });
    const early = this.#early;
    this.#early = Buffer.alloc(0);
    this.#take(early);
    return promise;
  }

  /** Waits for the end of the output; true when nothing was left over. */
  async end(): Promise<boolean> {
    await this.#ended;
    return this.#early.length === 0 && this.#questions.length === 0;
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#questions.splice(0)) reject(this.#failure.error);
    this.#wake?.();
  }

  async #receive(): Promise<void> {
    try {
      for await (const chunk of this.#command.stdout) this.#take(chunk);
      this.#hasEnded = true;
      this.fail(new LifeboatError("command-failed", `${this.#place}: the program for ranges has ended`));
    } catch (error) {
      this.#hasEnded = true;
      this.#lost = error;
      this.fail(error);
    }
  }

  #take(chunk: Uint8Array): void {
    let at = 0;
    for (let next = this.#questions[0]; next !== undefined; next = this.#questions[0]) {
      const piece = chunk.subarray(at, at + next.buffer.length - next.filled);
      next.buffer.set(piece, next.filled);
      next.filled += piece.length;
      at += piece.length;
      if (next.filled < next.buffer.length) return;
      this.#questions.shift();
      next.resolve(next.buffer);
    }
    if (at === chunk.length) return;
    if (this.#early.length + chunk.length - at > maxEarlyBytes) {
      throw new LifeboatError("host-garbage", `${this.#place}: more is answered than was asked`);
    }
    this.#early = Buffer.concat([this.#early, chunk.subarray(at)]);
    this.#wake?.();
  }
}
