/** Chunks have any size up to 8 MiB; rounded up, a spare one fits the next one more often. */
const stepBytes = 512 * 1024;

/** Memory of chunks that are stored by now. It goes back to the threads that cut: new memory costs more than cutting does. */
export class ChunkMemory {
  readonly #spare: ArrayBuffer[] = [];
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** At least so long; its content is whatever it held before. */
  take(bytes: number): ArrayBuffer {
    let best = -1;
    for (const [at, { byteLength }] of this.#spare.entries()) {
      if (byteLength >= bytes && (best === -1 || byteLength < this.#spare[best]!.byteLength)) best = at;
    }
    return best === -1 ? new ArrayBuffer(Math.ceil(bytes / stepBytes) * stepBytes) : this.#remove(best);
  }

  /** Several, `bytes` in sum where there are so many, to hand them to a thread. */
  takeSome(bytes: number): ArrayBuffer[] {
    const some: ArrayBuffer[] = [];
    for (let sum = 0; sum < bytes && this.#spare.length > 0; sum += some.at(-1)!.byteLength) {
      some.push(this.#remove(this.#spare.length - 1));
    }
    return some;
  }

  give(buffer: ArrayBuffer): void {
    if (this.#bytes + buffer.byteLength > this.#mostBytes) return;
    this.#spare.push(buffer);
    this.#bytes += buffer.byteLength;
  }

  #remove(at: number): ArrayBuffer {
    const [buffer] = this.#spare.splice(at, 1) as [ArrayBuffer];
    this.#bytes -= buffer.byteLength;
    return buffer;
  }
}
