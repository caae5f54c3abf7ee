import type { BlobStream } from "../repository/blob-stream.ts";
import type { BlobWriter } from "../repository/blob-writer.ts";
import type { ArchiveItem } from "./archive-item.ts";

/** restic's smallest chunk: a file up to this size is always one blob, so it needs no chunker. */
export const singleBlobBytes = 512 * 1024;

/**
 * Takes the content of one read stream, file after file: small files side by side into one buffer for the sealing threads,
 * large ones through a chunker. `known` is called when an item's blob ids are.
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

  async start(item: ArchiveItem): Promise<void> {
    item.bytes = 0;
    item.resumedBytes = 0;
    item.unmovedBytes = 0;
    item.checkpointBytes = 0;
    item.content = undefined;
    item.stream = undefined;
    if (item.entry.size > singleBlobBytes) {
      this.#openStream(item);
      return;
    }
    if (this.#buffer !== undefined && this.#filled + singleBlobBytes > this.#buffer.length) await this.flush();
    this.#buffer ??= new Uint8Array(this.#writer.takeBatch());
    this.#start = this.#filled;
  }

  /** The rest of a file whose beginning is stored. */
  startRest(item: ArchiveItem, { content, size }: { readonly content: readonly string[]; readonly size: number }): void {
    item.bytes = size;
    item.resumedBytes = size;
    item.unmovedBytes = 0;
    item.content = undefined;
    this.#openStream(item).resume(content, size);
  }

  async data(item: ArchiveItem, bytes: Uint8Array): Promise<void> {
    item.bytes += bytes.length;
    if (this.#stream === undefined) {
      if (item.bytes <= singleBlobBytes) {
        this.#buffer!.set(bytes, this.#filled);
        this.#filled += bytes.length;
        return;
      }
      await this.#turnIntoStream(item);
    }
    await this.#stream!.write(bytes);
  }

  async hole(item: ArchiveItem, length: number): Promise<void> {
    item.bytes += length;
    if (this.#stream === undefined) {
      if (item.bytes <= singleBlobBytes) {
        this.#buffer!.fill(0, this.#filled, this.#filled + length);
        this.#filled += length;
        return;
      }
      await this.#turnIntoStream(item);
    }
    await this.#stream!.writeZeros(length);
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
  async flush(): Promise<void> {
    const [buffer, owners, ranges] = [this.#buffer, this.#owners, this.#ranges];
    this.#buffer = undefined;
    this.#filled = 0;
    this.#owners = [];
    this.#ranges = [];
    if (buffer === undefined || owners.length === 0) {
      this.#buffer = buffer;
      return;
    }
    const saving = this.#writer.saveBatch({ buffer: buffer.buffer, ranges: Uint32Array.from(ranges) });
    this.#track(
      saving.then((ids) => {
        for (const [at, item] of owners.entries()) this.#settle(item, [ids[at]!]);
      }),
    );
    // Two batches in work keep the threads busy; more would only take memory.
    if (this.#saving.size > 2) await Promise.race(this.#saving);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Resolves when the ids of everything collected are known. */
  async drain(): Promise<void> {
    await this.flush();
    while (this.#saving.size > 0) await Promise.all(this.#saving);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Gives up the file that is open. */
  drop(): void {
    this.#stream?.drop();
    this.#stream = undefined;
  }

  #openStream(item: ArchiveItem): BlobStream {
    this.#stream = this.#writer.openStream();
    item.stream = this.#stream;
    return this.#stream;
  }

  /** The file is larger than listed: what lies in the batch goes first. */
  async #turnIntoStream(item: ArchiveItem): Promise<void> {
    await this.#openStream(item).write(this.#buffer!.subarray(this.#start, this.#filled));
    this.#filled = this.#start;
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
