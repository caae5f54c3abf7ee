import type { BlobStream } from "../repository/blob-stream.ts";
import type { BlobWriter } from "../repository/blob-writer.ts";
import type { ArchiveItem } from "./archive-item.ts";

/** restic's smallest chunk: a file up to this size is always one blob, so it needs no chunker. */
export const singleBlobBytes = 512 * 1024;

/**
 * So many batches and files may wait for their ids while the next is filled. The threads have no less to do: who knows a blob's id has it still
 * to seal. More of them would be lost by a kill, because a checkpoint can name none.
 */
const mostUnsettled = 1;

/**
 * Takes the content of one read stream, file after file: small files side by side into one buffer for the sealing threads,
 * large ones through a chunker. `known` is called when an item's blob ids are. Where a method gives a promise the next call has to wait
 * for it; most of what small files need is done at once, and then there is none.
 */
export class ContentCollector {
  readonly #writer: BlobWriter;
  readonly #known: (item: ArchiveItem) => void;
  readonly #saving = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  #start = 0;
  #ranges: number[] = [];
  #owners: ArchiveItem[] = [];
  #stream: BlobStream | undefined;

  constructor(writer: BlobWriter, known: (item: ArchiveItem) => void) {
    this.#writer = writer;
    this.#known = known;
  }

  start(item: ArchiveItem): Promise<void> | undefined {
    item.bytes = 0;
    item.resumedBytes = 0;
    item.unmovedBytes = 0;
    item.checkpointBytes = 0;
    item.content = undefined;
    item.stream = undefined;
    const isLarge = item.entry.size > singleBlobBytes;
    const isFull = !isLarge && this.#buffer !== undefined && this.#filled + singleBlobBytes > this.#buffer.length;
    const waiting = isFull ? this.flush() : isLarge ? this.#room() : undefined;
    if (waiting !== undefined) return waiting.then(() => this.#begin(item, isLarge));
    this.#begin(item, isLarge);
    return undefined;
  }

  /** The rest of a file whose beginning is stored. */
  startRest(item: ArchiveItem, { content, size }: { readonly content: readonly string[]; readonly size: number }): void {
    item.bytes = size;
    item.resumedBytes = size;
    item.unmovedBytes = 0;
    item.content = undefined;
    this.#openStream(item).resume(content, size);
  }

  data(item: ArchiveItem, bytes: Uint8Array): Promise<void> | undefined {
    item.bytes += bytes.length;
    if (this.#stream !== undefined) return this.#stream.write(bytes);
    if (item.bytes > singleBlobBytes) return this.#turnIntoStream(item, (stream) => stream.write(bytes));
    this.#buffer!.set(bytes, this.#filled);
    this.#filled += bytes.length;
    return undefined;
  }

  hole(item: ArchiveItem, length: number): Promise<void> | undefined {
    item.bytes += length;
    if (this.#stream !== undefined) return this.#stream.writeZeros(length);
    if (item.bytes > singleBlobBytes) return this.#turnIntoStream(item, (stream) => stream.writeZeros(length));
    this.#buffer!.fill(0, this.#filled, this.#filled + length);
    this.#filled += length;
    return undefined;
  }

  end(item: ArchiveItem): void {
    const stream = this.#stream;
    if (stream !== undefined) {
      this.#stream = undefined;
      this.#track(stream.finish().then((ids) => this.#settle(item, ids)));
    } else if (item.bytes === 0) this.#settle(item, []);
    else {
      this.#ranges.push(this.#start, item.bytes);
      this.#owners.push(item);
    }
  }

  /** Hands over what is collected; `drain` waits for it. */
  flush(): Promise<void> | undefined {
    const [buffer, owners, ranges] = [this.#buffer, this.#owners, this.#ranges];
    this.#buffer = undefined;
    this.#filled = 0;
    this.#owners = [];
    this.#ranges = [];
    if (buffer === undefined || owners.length === 0) {
      this.#buffer = buffer;
      return undefined;
    }
    const saving = this.#writer.saveBatch({ buffer: buffer.buffer, ranges: Uint32Array.from(ranges) });
    this.#track(
      saving.then((ids) => {
        for (const [at, item] of owners.entries()) this.#settle(item, [ids[at]!]);
      }),
    );
    return this.#room();
  }

  /** Resolves when the ids of everything collected are known. */
  async drain(): Promise<void> {
    await this.flush();
    while (this.#saving.size > 0) await Promise.all(this.#saving);
    this.#throwFailure();
  }

  /** Gives up the file that is open. */
  drop(): void {
    this.#stream?.drop();
    this.#stream = undefined;
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** A promise while too much has no ids. */
  #room(): Promise<void> | undefined {
    if (this.#saving.size > mostUnsettled) return this.#waitForIds();
    this.#throwFailure();
    return undefined;
  }

  async #waitForIds(): Promise<void> {
    while (this.#saving.size > mostUnsettled) await Promise.race(this.#saving);
    this.#throwFailure();
  }

  #begin(item: ArchiveItem, isLarge: boolean): void {
    if (isLarge) {
      this.#openStream(item);
      return;
    }
    this.#buffer ??= new Uint8Array(this.#writer.takeBatch());
    this.#start = this.#filled;
  }

  #openStream(item: ArchiveItem): BlobStream {
    this.#stream = this.#writer.openStream();
    item.stream = this.#stream;
    return this.#stream;
  }

  /** The file is larger than listed: what lies in the batch goes first, before `more`. */
  async #turnIntoStream(item: ArchiveItem, more: (stream: BlobStream) => Promise<void> | undefined): Promise<void> {
    const stream = this.#openStream(item);
    await stream.write(this.#buffer!.subarray(this.#start, this.#filled));
    this.#filled = this.#start;
    await more(stream);
  }

  #settle(item: ArchiveItem, ids: readonly string[]): void {
    item.content = ids;
    this.#known(item);
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#saving.delete(tracked));
    this.#saving.add(tracked);
  }
}
