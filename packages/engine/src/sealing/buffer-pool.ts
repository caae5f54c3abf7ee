/** Fresh memory of the system is zeroed page by page; buffers that go round between threads are paid for once. */
export class BufferPool {
  readonly #spare: ArrayBuffer[] = [];
  readonly #bytes: number;
  readonly #most: number;

  constructor(bytes: number, most: number) {
    this.#bytes = bytes;
    this.#most = most;
  }

  /** Its content is whatever it held before. */
  take(): ArrayBuffer {
    return this.#spare.pop() ?? new ArrayBuffer(this.#bytes);
  }

  /** Takes back what has this pool's size; everything else is left to the garbage collector. */
  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === this.#bytes && this.#spare.length < this.#most) this.#spare.push(buffer);
  }
}
