import type { SealingPool } from "../sealing/index.ts";
import type { BlobWriter } from "./blob-writer.ts";

const segmentBytes = 1024 * 1024;

/** A file or dump that flows in; its blobs are cut, hashed and stored while it goes on. Never holds more than the writer allows. */
export class BlobStream {
  readonly #writer: BlobWriter;
  readonly #pool: SealingPool;
  readonly #stream: number;
  readonly #ids: Promise<readonly string[]>[] = [];
  readonly #ended = Promise.withResolvers<void>();
  #segment: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  /** What was stored before, by another run. */
  #resumed: { readonly content: readonly string[]; readonly bytes: number } = { content: [], bytes: 0 };
  readonly #cuts: { id: string | undefined; readonly end: number }[] = [];
  #cutBytes = 0;
  /** Bytes written so far, with those of `resume`. */
  bytes = 0;

  constructor(writer: BlobWriter, pool: SealingPool) {
    this.#writer = writer;
    this.#pool = pool;
    this.#stream = pool.openStream(
      (chunks, consumed, last) => this.#receive(chunks, consumed, last),
      (error) => this.#ended.reject(error),
    );
    this.#ended.promise.catch(() => {});
  }

  /** Goes on behind blobs that are stored already; before the first byte. Cuts begin anew at each, so they are the same from here. */
  resume(content: readonly string[], bytes: number): void {
    this.#resumed = { content, bytes };
    this.#cutBytes = bytes;
    this.bytes = bytes;
  }

  /** The first blobs, as far as their ids are known and they end within `maxBytes`. */
  prefix(maxBytes: number): { readonly content: readonly string[]; readonly bytes: number } {
    const content = [...this.#resumed.content];
    let { bytes } = this.#resumed;
    for (const { id, end } of this.#cuts) {
      if (id === undefined || end > maxBytes) break;
      content.push(id);
      bytes = end;
    }
    return { content, bytes };
  }

  /** Resolves when more may be written. */
  async write(bytes: Uint8Array): Promise<void> {
    this.bytes += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + segmentBytes - this.#filled);
      this.#segment ??= new Uint8Array(this.#pool.segments.take());
      this.#segment.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled === segmentBytes) await this.#send(false);
    }
  }

  /** Zeros, e.g. of a sparse file. */
  async writeZeros(count: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(count, segmentBytes));
    for (let left = count; left > 0; left -= segmentBytes)
      await this.write(left < segmentBytes ? zeros.subarray(0, left) : zeros);
  }

  /** The ids of all blobs in order; an empty stream has none. */
  async finish(): Promise<string[]> {
    await this.#send(true);
    await this.#ended.promise;
    return [...this.#resumed.content, ...(await Promise.all(this.#ids)).flat()];
  }

  /** Gives up: what was cut so far stays as blobs that nothing names. */
  drop(): void {
    this.#pool.dropStream(this.#stream);
    for (const ids of this.#ids) ids.catch(() => {});
  }

  async #send(last: boolean): Promise<void> {
    await this.#writer.ready(this.#filled);
    const segment = this.#segment?.buffer ?? new ArrayBuffer(0);
    const length = this.#filled;
    this.#filled = 0;
    this.#segment = undefined;
    this.#pool.chunk(this.#stream, segment, length, last);
  }

  #receive(chunks: readonly Uint8Array[], consumed: number, last: boolean): void {
    this.#writer.release(consumed);
    for (const chunk of chunks) {
      const ranges = Uint32Array.of(chunk.byteOffset, chunk.length);
      const saved = this.#writer.saveBatch({ buffer: chunk.buffer as ArrayBuffer, ranges }, this.#pool.chunks);
      this.#cutBytes += chunk.length;
      const cut: { id: string | undefined; readonly end: number } = { id: undefined, end: this.#cutBytes };
      this.#cuts.push(cut);
      saved.then(
        ([id]) => {
          cut.id = id;
        },
        (error: unknown) => this.#ended.reject(error),
      );
      this.#ids.push(saved);
    }
    if (last) this.#ended.resolve();
  }
}
