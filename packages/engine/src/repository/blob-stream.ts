import { LifeboatError } from "@lifeboat/model";
import type { SealingPool } from "../sealing/index.ts";
import type { BlobWriter } from "./blob-writer.ts";

const segmentBytes = 1024 * 1024;

/** A file or dump that flows in; its blobs are cut, hashed and stored while it goes on. Never holds more than the writer allows. */
export class BlobStream {
  readonly #writer: BlobWriter;
  readonly #pool: SealingPool;
  readonly #stream: number;
  readonly #ids: (Promise<readonly string[]> | readonly string[])[] = [];
  readonly #ended = Promise.withResolvers<void>();
  #segment: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  /** What was stored before, by another run. */
  #resumed: { readonly content: readonly string[]; readonly bytes: number } = { content: [], bytes: 0 };
  readonly #cuts: { id: string | undefined; readonly end: number }[] = [];
  #cutBytes = 0;
  /** Segments handed to the chunker, and of them those that it has cut: the last one may be empty. */
  #sent = 0;
  #taken = 0;
  #settled: (() => void) | undefined;
  #isDropped = false;
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

  /** True when what was written ends at a cut of its own, wherever more bytes follow. Waits until all of it is cut. */
  async settle(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#settled = resolve;
    await this.#send("settle");
    await Promise.race([promise, this.#ended.promise]);
    return this.#cutBytes === this.bytes;
  }

  /** Passes over a blob that is stored already; only at a cut: before the first byte, after another one, or when `settle` says so. */
  append(id: string, bytes: number): void {
    this.bytes += bytes;
    this.#cutBytes += bytes;
    this.#cuts.push({ id, end: this.#cutBytes });
    this.#ids.push([id]);
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

  /** A promise when no more may be written before it resolves; most writes fit into the segment that is being filled. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    this.bytes += bytes.length;
    const taken = this.#fill(bytes);
    return this.#filled === segmentBytes ? this.#sendFull(bytes.subarray(taken)) : undefined;
  }

  /** Zeros, e.g. of a sparse file. */
  async writeZeros(count: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(count, segmentBytes));
    for (let left = count; left > 0; left -= segmentBytes)
      await this.write(left < segmentBytes ? zeros.subarray(0, left) : zeros);
  }

  /** The ids of all blobs in order; an empty stream has none. */
  async finish(): Promise<string[]> {
    await this.#send("end");
    await this.#ended.promise;
    return [...this.#resumed.content, ...(await Promise.all(this.#ids)).flat()];
  }

  /** Gives up: what was cut so far stays as blobs that nothing names. */
  drop(): void {
    this.#isDropped = true;
    this.#ended.reject(new LifeboatError("cancelled", "the content was given up"));
    this.#pool.dropStream(this.#stream);
    for (const ids of this.#ids) if (ids instanceof Promise) ids.catch(() => {});
  }

  /** Gives how much of it had room. */
  #fill(bytes: Uint8Array): number {
    const piece = bytes.subarray(0, segmentBytes - this.#filled);
    if (piece.length === 0) return 0;
    this.#segment ??= new Uint8Array(this.#pool.segments.take());
    this.#segment.set(piece, this.#filled);
    this.#filled += piece.length;
    return piece.length;
  }

  async #sendFull(rest: Uint8Array): Promise<void> {
    await this.#send("more");
    for (let at = 0; at < rest.length && !this.#isDropped; ) {
      at += this.#fill(rest.subarray(at));
      if (this.#filled === segmentBytes) await this.#send("more");
    }
  }

  async #send(then: "more" | "settle" | "end"): Promise<void> {
    const wanted = this.#filled;
    await this.#writer.ready(wanted);
    if (this.#isDropped) {
      this.#writer.release(wanted);
      return;
    }
    const segment = this.#segment?.buffer ?? new ArrayBuffer(0);
    const length = this.#filled;
    this.#filled = 0;
    this.#segment = undefined;
    this.#sent++;
    this.#pool.chunk(this.#stream, segment, length, then);
  }

  #receive(chunks: readonly Uint8Array[], consumed: number, last: boolean): void {
    this.#writer.release(consumed);
    this.#taken++;
    if (this.#isDropped) return;
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
    if (this.#taken === this.#sent) this.#settled?.();
    if (last) this.#ended.resolve();
  }
}
