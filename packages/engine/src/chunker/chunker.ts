import { type CutFinder, chunkBytesMax, giveBackCutFinder, takeCutFinder } from "./cut-finder.ts";
import { parsePolynomial } from "./polynomial.ts";

export interface ChunkerOptions {
  /** Size below which only the end of the stream makes a chunk, in bytes: 64 at least, restic's 512 KiB when left out. */
  readonly minBytes?: number;
  /** Size at which a chunk is cut in any case, in bytes: restic's 8 MiB when left out, which is also the most. */
  readonly maxBytes?: number;
  /** Memory for a chunk, at least this long; default: new memory for each, which the system has to clear first. */
  readonly allocate?: ((bytes: number) => ArrayBuffer) | undefined;
}

const windowBytes = 64;

/**
 * Cuts one stream into chunks exactly where restic cuts it (repository-format: Rabin fingerprint of the last 64 bytes, modulo the
 * repository's polynomial, whose low 20 bits are zero). Wherever a stream changes, the cuts around it stay.
 *
 * One object per stream; works on the main thread and in worker threads. Holds 8 MiB from the first byte to `finish`.
 */
export class Chunker {
  readonly #polynomial: bigint;
  readonly #minBytes: number;
  readonly #maxBytes: number;
  readonly #allocate: (bytes: number) => ArrayBuffer;
  /** Absent before the first byte and after the last one. */
  #finder: CutFinder | undefined;
  #finished = false;
  /** Bytes of the chunk that grows. */
  #length = 0;
  /** Lengths up to this one are known not to be cuts. Nothing below the minimum is ever hashed. */
  #searched: number;

  /**
   * `polynomial` as in the repository's config. Throws LifeboatError `repository-unsupported` if it is not irreducible of
   * degree 53, RangeError if not 64 <= minBytes <= maxBytes <= 8 MiB.
   */
  constructor(polynomial: bigint | string, options: ChunkerOptions = {}) {
    const { minBytes = 512 * 1024, maxBytes = chunkBytesMax, allocate = (bytes) => new ArrayBuffer(bytes) } = options;
    const fits = Number.isInteger(minBytes) && Number.isInteger(maxBytes) && minBytes >= windowBytes && minBytes <= maxBytes;
    if (!fits || maxBytes > chunkBytesMax) throw new RangeError(`chunks of ${minBytes} to ${maxBytes} bytes cannot be cut`);
    this.#polynomial = parsePolynomial(polynomial);
    this.#minBytes = minBytes;
    this.#maxBytes = maxBytes;
    this.#allocate = allocate;
    this.#searched = minBytes - 1;
  }

  /**
   * Takes the next bytes of the stream (copied: the caller may reuse them) and returns the chunks that they complete, oldest
   * first, each at the start of an ArrayBuffer of its own. A chunk may come a push later than its last byte.
   */
  push(bytes: Uint8Array): Uint8Array[] {
    if (this.#finished) throw new Error("the stream of this chunker has ended");
    if (bytes.length === 0) return [];
    this.#finder ??= takeCutFinder(this.#polynomial);
    const finder = this.#finder;
    const chunks: Uint8Array[] = [];
    let offset = 0;
    for (;;) {
      // Copied and searched block by block: the search finds the bytes in the processor's cache, and little lies behind a cut.
      const wanted = Math.min(this.#searched + finder.blockSize, this.#maxBytes);
      if (this.#length < wanted) {
        const end = Math.min(offset + wanted - this.#length, bytes.length);
        finder.chunk.set(offset === 0 && end === bytes.length ? bytes : bytes.subarray(offset, end), this.#length);
        this.#length += end - offset;
        offset = end;
        if (this.#length < wanted) return chunks;
      }
      const cut = finder.findCut(this.#searched + 1, wanted);
      if (cut !== 0) chunks.push(this.#cutOff(finder, cut));
      else if (wanted === this.#maxBytes) chunks.push(this.#cutOff(finder, wanted));
      else this.#searched = wanted;
    }
  }

  /**
   * Searches all that was pushed, so that no chunk waits for more bytes. Returns the chunks that end in it; when their last one ends
   * where the bytes end, that is a cut, and what follows is cut as a stream of its own.
   */
  settle(): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    const finder = this.#finder;
    while (finder !== undefined && this.#searched < this.#length) {
      const cut = finder.findCut(this.#searched + 1, this.#length);
      if (cut === 0) {
        this.#searched = this.#length;
        break;
      }
      chunks.push(this.#cutOff(finder, cut));
    }
    return chunks;
  }

  /** Ends the stream: what is left, [] if that is nothing. */
  finish(): Uint8Array[] {
    if (this.#finished) throw new Error("the stream of this chunker has ended");
    this.#finished = true;
    const finder = this.#finder;
    if (finder === undefined) return [];
    const chunks: Uint8Array[] = [];
    while (this.#length > 0) {
      const last = Math.min(this.#length, this.#maxBytes);
      const cut = this.#searched < last ? finder.findCut(this.#searched + 1, last) : 0;
      chunks.push(this.#cutOff(finder, cut === 0 ? last : cut));
    }
    this.#finder = undefined;
    giveBackCutFinder(finder);
    return chunks;
  }

  #cutOff(finder: CutFinder, length: number): Uint8Array {
    const chunk = new Uint8Array(this.#allocate(length), 0, length);
    chunk.set(finder.chunk.subarray(0, length));
    finder.chunk.copyWithin(0, length, this.#length);
    this.#length -= length;
    this.#searched = this.#minBytes - 1;
    return chunk;
  }
}
