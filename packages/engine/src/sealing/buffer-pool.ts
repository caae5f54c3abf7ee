/** Fresh memory of the system is zeroed page by page; buffers that go round between threads are paid for once. */
export class BufferPool<Memory extends ArrayBufferLike = ArrayBuffer> {
  readonly #spare: Memory[] = [];
  readonly #bytes: number;
  readonly #most: number;
  readonly #create: (bytes: number) => Memory;

  constructor(bytes: number, most: number, create: (bytes: number) => Memory) {
    this.#bytes = bytes;
    this.#most = most;
    this.#create = create;
  }

  /** Its content is whatever it held before. */
  take(): Memory {
    return this.#spare.pop() ?? this.#create(this.#bytes);
  }

  /** Takes back what has this pool's size; everything else is left to the garbage collector. */
  give(buffer: Memory): void {
    if (buffer.byteLength === this.#bytes && this.#spare.length < this.#most) this.#spare.push(buffer);
  }
}
