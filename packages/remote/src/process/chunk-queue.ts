import { ChunkList } from "./chunk-list.ts";

interface Flow {
  readonly stop: () => void;
  readonly go: () => void;
  /** The reader has taken a chunk. */
  readonly taken?: () => void;
  /** The reader takes no more. */
  readonly abandoned: () => void;
}

/**
 * From a stream's events to an async iterable, without copying what is large: a Readable's own iterator joins all that waits.
 * Asks the source to stop when much waits, and to go on when little does.
 */
export class ChunkQueue implements AsyncIterable<Uint8Array> {
  readonly #chunks = new ChunkList();
  readonly #flow: Flow;
  #waitingBytes = 0;
  #stopped = false;
  #ended = false;
  #discard = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  push(chunk: Uint8Array): void {
    if (this.#discard || this.#ended) return;
    this.#chunks.push(chunk);
    this.#waitingBytes += chunk.length;
    if (!this.#stopped && this.#waitingBytes > 512 * 1024) {
      this.#stopped = true;
      this.#flow.stop();
    }
    this.#notify();
  }

  /** What waits can still be read; then the iteration ends, or throws the error. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#notify();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    let finished = false;
    try {
      for (;;) {
        const chunks = this.#chunks.takeAll();
        for (const chunk of chunks) {
          this.#waitingBytes -= chunk.length;
          this.#flow.taken?.();
          yield chunk;
        }
        if (this.#chunks.bytes > 0) continue;
        if (this.#ended) {
          finished = true;
          if (this.#error !== undefined) throw this.#error;
          return;
        }
        if (this.#stopped) {
          this.#stopped = false;
          this.#flow.go();
        }
        if (this.#chunks.bytes > 0 || this.#ended) continue;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      if (!finished) this.#abandon();
    }
  }

  #abandon(): void {
    this.#discard = true;
    this.#chunks.takeAll();
    this.#waitingBytes = 0;
    if (this.#stopped) {
      this.#stopped = false;
      this.#flow.go();
    }
    this.#flow.abandoned();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
