/** Two chunks of at least this size need no joining: what a Buffer costs by itself is then nothing beside what it holds. */
const smallBytes = 16 * 1024;
const maxBlockBytes = 64 * 1024;
const leastBlockBytes = 256;

/**
 * Chunks in their order. A host may send its output in packets of one byte, each of which stays a Buffer of some 200 bytes: then a
 * bound on bytes bounds no memory. Small chunks are copied behind one another, so that memory is in proportion to the bytes; large
 * ones, and a small one that waits alone, stay as they came.
 */
export class ChunkList {
  #chunks: Uint8Array[] = [];
  /** Holds the last chunk and has room behind it; doubles, so that a short chunk never keeps a large block. */
  #block: Buffer | undefined;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#bytes += chunk.length;
    const last = this.#chunks.at(-1);
    const isJoinable = last !== undefined && (this.#block !== undefined || last.length < smallBytes);
    if (!isJoinable || chunk.length >= smallBytes || last.length + chunk.length > maxBlockBytes) {
      this.#chunks.push(chunk);
      this.#block = undefined;
      return;
    }
    const length = last.length + chunk.length;
    if (this.#block === undefined || this.#block.length < length) {
      // Not from the pool: what others hold of that would keep it.
      this.#block = Buffer.allocUnsafeSlow(Math.min(maxBlockBytes, Math.max(leastBlockBytes, 2 * length)));
      this.#block.set(last);
    }
    this.#block.set(chunk, last.length);
    this.#chunks[this.#chunks.length - 1] = this.#block.subarray(0, length);
  }

  /** All of them; nothing of them is written to any more. */
  takeAll(): Uint8Array[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#block = undefined;
    this.#bytes = 0;
    return chunks;
  }

  /** As `takeAll`, in one piece; not copied where it is one already. */
  takeJoined(): Buffer {
    const chunks = this.takeAll();
    const only = chunks[0];
    if (only === undefined || chunks.length > 1) return Buffer.concat(chunks);
    return Buffer.from(only.buffer, only.byteOffset, only.length);
  }
}
