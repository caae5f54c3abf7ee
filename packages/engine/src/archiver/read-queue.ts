import { type FileEntry, type FileSource, LifeboatError, type ReadEvent } from "@lifeboat/model";
import type { BlobWriter } from "../repository/blob-writer.ts";
import type { ArchiveItem } from "./archive-item.ts";
import { BatchReading } from "./batch-reading.ts";
import { ContentCollector } from "./content-collector.ts";
import { extrasOfNode } from "./node-of-entry.ts";
import type { RangeReading } from "./range-reading.ts";

/** A remote tar costs a round trip and a process: batches of thousands, but not so large that streams end far apart. */
const batchItems = 4000;
const batchBytes = 96 * 1024 * 1024;
const firstBatchItems = 256;
const maxStreams = 3;
/** The listing waits when so many entries are queued: memory stays flat whatever the source holds. */
const maxQueued = 24_000;

/** What the queue tells about each item; exactly one call an item and attempt. */
export interface ReadOutcome {
  /** Content and verdict are known; `torn` when the item changed while it was read. */
  read(item: ArchiveItem): void;
  lost(item: ArchiveItem, kind: "vanished" | "unreadable", detail: string): void;
}

interface BatchWork {
  readonly batch: readonly ArchiveItem[];
  readonly collector: ContentCollector;
  readonly reading: BatchReading;
  /** Places in the batch of what tar had an entry for. */
  readonly started: Set<number>;
}

/** Reads items in batches over a few parallel streams. */
export class ReadQueue {
  readonly #source: FileSource;
  readonly #writer: BlobWriter;
  readonly #outcome: ReadOutcome;
  readonly #signal: AbortSignal;
  readonly #ranges: RangeReading;
  readonly #onBytes: (item: ArchiveItem, bytes: number) => Promise<void> | undefined;
  readonly #readings = new Set<BatchReading>();
  readonly #streams = new Set<Promise<void>>();
  #queue: ArchiveItem[] = [];
  /** Those that are compared with their earlier state: one after the other, so that a host hashes on one core only. */
  readonly #ranged: ArchiveItem[] = [];
  #isRanging = false;
  #queuedBytes = 0;
  #inStreams = 0;
  #flushing = false;
  #failure: { error: unknown } | undefined;

  constructor(parts: {
    source: FileSource;
    writer: BlobWriter;
    outcome: ReadOutcome;
    signal: AbortSignal;
    ranges: RangeReading;
    /** Content has come; when it gives a promise, no more of this stream is taken before that resolves. */
    onBytes: (item: ArchiveItem, bytes: number) => Promise<void> | undefined;
  }) {
    this.#source = parts.source;
    this.#writer = parts.writer;
    this.#outcome = parts.outcome;
    this.#signal = parts.signal;
    this.#ranges = parts.ranges;
    this.#onBytes = parts.onBytes;
  }

  /** The batches that are being read. */
  get readings(): Iterable<BatchReading> {
    return this.#readings;
  }

  add(item: ArchiveItem): void {
    if (item.base !== undefined) {
      this.#ranged.push(item);
      this.#pump();
      return;
    }
    this.#queue.push(item);
    this.#queuedBytes += item.entry.type === "file" ? item.entry.size : 0;
    this.#pump();
  }

  /** Waits while more than enough is queued. */
  async room(): Promise<void> {
    while (this.#queue.length + this.#ranged.length + this.#inStreams > maxQueued && this.#streams.size > 0)
      await Promise.race(this.#streams);
    this.#throwFailure();
  }

  /** Everything queued, also what is queued again on the way, is read when this resolves. */
  async finish(): Promise<void> {
    this.#flushing = true;
    this.#pump();
    while (this.#streams.size > 0) {
      await Promise.race(this.#streams);
      this.#throwFailure();
      this.#pump();
    }
    this.#throwFailure();
  }

  async stop(): Promise<void> {
    this.#failure ??= { error: new LifeboatError("cancelled", "reading was stopped") };
    this.#ranges.stop();
    await Promise.allSettled(this.#streams);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #pump(): void {
    if (this.#failure !== undefined) return;
    const ranged = this.#isRanging ? undefined : this.#ranged.shift();
    if (ranged !== undefined) {
      this.#isRanging = true;
      this.#start(
        [ranged],
        this.#readRanges(ranged).finally(() => {
          this.#isRanging = false;
        }),
      );
    }
    while (this.#streams.size - (this.#isRanging ? 1 : 0) < maxStreams && this.#queue.length > 0 && this.#isBatchReady()) {
      const batch = this.#takeBatch();
      this.#start(batch, this.#read(batch));
    }
  }

  #start(batch: readonly ArchiveItem[], reading: Promise<void>): void {
    this.#inStreams += batch.length;
    const stream = reading
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#inStreams -= batch.length;
        this.#streams.delete(stream);
        this.#pump();
      });
    this.#streams.add(stream);
  }

  #isBatchReady(): boolean {
    const waitFor = this.#streams.size === 0 ? firstBatchItems : batchItems;
    return this.#flushing || this.#queue.length >= waitFor || this.#queuedBytes >= batchBytes;
  }

  #takeBatch(): ArchiveItem[] {
    let bytes = 0;
    let count = 0;
    // At the end what is left is spread over the streams.
    const most = this.#flushing ? Math.max(firstBatchItems, Math.ceil(this.#queue.length / maxStreams)) : batchItems;
    while (count < this.#queue.length && count < most && (count === 0 || bytes < batchBytes)) {
      const { entry, resume } = this.#queue[count]!;
      // The rest of a file is read by a command of its own.
      if (resume !== undefined && count > 0) break;
      count++;
      if (entry.type === "file") bytes += entry.size;
      if (resume !== undefined) break;
    }
    this.#queuedBytes -= bytes;
    const batch = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    return batch;
  }

  async #read(batch: readonly ArchiveItem[]): Promise<void> {
    const reading = new BatchReading();
    const collector = new ContentCollector(this.#writer, (item) => this.#settle(item, reading));
    for (const item of batch) {
      item.verdict = undefined;
      item.content = undefined;
    }
    this.#readings.add(reading);
    const work: BatchWork = { batch, collector, reading, started: new Set() };
    try {
      for await (const some of this.#eventsOf(work)) {
        for (const event of some) await this.#handle(work, event);
        if (this.#failure !== undefined) throw this.#failure.error;
      }
      await collector.drain();
    } finally {
      collector.drop();
      this.#readings.delete(reading);
    }
  }

  /** One file by what differs from before. If that cannot be, it is read as if there had been no parent. */
  async #readRanges(item: ArchiveItem): Promise<void> {
    const reading = new BatchReading();
    item.verdict = undefined;
    item.content = undefined;
    this.#readings.add(reading);
    try {
      const verdict = await this.#ranges.read(item, reading);
      if (this.#failure !== undefined) throw this.#failure.error;
      if (verdict !== undefined) this.#judge(item, { kind: "verdict", index: 0, ...verdict }, reading, true);
      else {
        item.base = undefined;
        this.add(item);
      }
    } finally {
      this.#readings.delete(reading);
    }
  }

  #eventsOf({ batch, collector, reading, started }: BatchWork): AsyncIterable<readonly ReadEvent[]> {
    const [first] = batch;
    if (first?.resume === undefined || this.#source.readRest === undefined) {
      return this.#source.read(
        batch.map(({ entry }) => entry),
        { signal: this.#signal },
      );
    }
    started.add(0);
    first.extras = extrasOfNode(first.resume);
    reading.start(first);
    collector.startRest(first, first.resume);
    return this.#source.readRest(first.entry, { offset: first.resume.size, signal: this.#signal });
  }

  async #handle({ batch, collector, reading, started }: BatchWork, event: ReadEvent): Promise<void> {
    if (event.kind === "doubt") {
      reading.doubt();
      return;
    }
    const item = batch[event.index]!;
    const isFile = item.entry.type === "file";
    switch (event.kind) {
      case "start":
        started.add(event.index);
        item.extras = event.extras;
        reading.start(item);
        if (isFile) await collector.start(item);
        return;
      case "data":
        if (isFile) await collector.data(item, event.bytes);
        reading.receive(item, event.bytes.length);
        await this.#onBytes(item, event.bytes.length);
        return;
      case "hole":
        reading.hole(item);
        if (isFile) await collector.hole(item, event.length);
        return;
      case "end":
        reading.end(item);
        if (isFile) collector.end(item);
        return;
      case "verdict":
        // The verdicts begin: no more content follows, so the batch can go.
        if (item.resume !== undefined && event.verdict === "same") {
          reading.end(item);
          collector.end(item);
        }
        await collector.flush();
        if (event.verdict !== "same") reading.settle(item);
        if (item.resume === undefined || event.verdict === "same") this.#judge(item, event, reading, started.has(event.index));
        else this.#readWhole(item, collector, event.now);
    }
  }

  /** It changed, or the host cannot read a part: as if there had been no checkpoint. */
  #readWhole(item: ArchiveItem, collector: ContentCollector, now: FileEntry | undefined): void {
    collector.drop();
    if (now?.type === item.entry.type) item.entry = now;
    item.resume = undefined;
    item.resumedBytes = 0;
    this.add(item);
  }

  #judge(item: ArchiveItem, event: Extract<ReadEvent, { kind: "verdict" }>, reading: BatchReading, wasRead: boolean): void {
    const { verdict, now, detail = "" } = event;
    if (verdict === "vanished" || verdict === "unreadable") {
      this.#outcome.lost(item, verdict, detail);
      return;
    }
    // A folder may change at any time; its members have verdicts of their own.
    const torn = verdict === "changed" && item.entry.type === "file";
    if (torn) item.next = now?.type === item.entry.type ? now : undefined;
    item.verdict = torn ? "torn" : "same";
    // Gone when it was to be read and there again when it was looked at: no content came, it is read again as any torn one.
    if (torn && !wasRead) this.#outcome.read(item);
    else this.#settle(item, reading);
  }

  #settle(item: ArchiveItem, reading: BatchReading): void {
    const ready = item.verdict !== undefined && (item.entry.type !== "file" || item.content !== undefined);
    if (!ready) return;
    reading.settle(item);
    this.#outcome.read(item);
  }
}
