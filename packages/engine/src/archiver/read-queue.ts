import { type FileEntry, type FileSource, LifeboatError, type ReadEvent } from "@lifeboat/model";
import type { BlobWriter } from "../repository/blob-writer.ts";
import type { ArchiveItem } from "./archive-item.ts";
import { BatchReading } from "./batch-reading.ts";
import { ContentCollector } from "./content-collector.ts";
import { extrasOfNode, nodeOfEntry } from "./node-of-entry.ts";
import type { RangeReading } from "./range-reading.ts";
import { isConnectionLoss, type Reconnects } from "./reconnects.ts";

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

type VerdictEvent = Extract<ReadEvent, { kind: "verdict" }>;

/** Items of one batch that are asked for together. */
interface Portion {
  readonly items: readonly ArchiveItem[];
  /** Their content came before the connection broke: only the verdicts are missing. */
  readonly isRead: boolean;
}

interface BatchWork extends Portion {
  readonly collector: ContentCollector;
  readonly reading: BatchReading;
  /** Places in the batch of what tar had an entry for. */
  readonly started: Set<number>;
  /** Those without a verdict. */
  readonly unsettled: Set<ArchiveItem>;
}

/** Reads items in batches over a few parallel streams. */
export class ReadQueue {
  readonly #source: FileSource;
  readonly #writer: BlobWriter;
  readonly #outcome: ReadOutcome;
  readonly #signal: AbortSignal;
  readonly #ranges: RangeReading;
  readonly #onBytes: (item: ArchiveItem, bytes: number) => Promise<void> | undefined;
  readonly #onDropped: (bytes: number) => void;
  readonly #reconnects: Reconnects;
  readonly #readings = new Set<BatchReading>();
  readonly #streams = new Set<Promise<void>>();
  #queue: ArchiveItem[] = [];
  /** Those that are compared with their earlier state: one after the other, so that a host hashes on one core only. */
  readonly #ranged: ArchiveItem[] = [];
  #isRanging = false;
  /** Of those, which the connection broke in. */
  readonly #brokenRanges = new WeakSet<ArchiveItem>();
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
    /** Of what `onBytes` has told so much will come again: the connection broke. */
    onDropped: (bytes: number) => void;
    reconnects: Reconnects;
  }) {
    this.#source = parts.source;
    this.#writer = parts.writer;
    this.#outcome = parts.outcome;
    this.#signal = parts.signal;
    this.#ranges = parts.ranges;
    this.#onBytes = parts.onBytes;
    this.#onDropped = parts.onDropped;
    this.#reconnects = parts.reconnects;
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
    this.#reconnects.stop();
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
      this.#start(batch, this.#readThrough(batch));
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

  /** A batch to its end: what a broken connection leaves is asked for over the next one. */
  async #readThrough(batch: readonly ArchiveItem[]): Promise<void> {
    const left: Portion[] = [{ items: batch, isRead: false }];
    for (let portion = left.shift(); portion !== undefined; portion = left.shift()) left.unshift(...(await this.#read(portion)));
  }

  /** Gives what is still to be done when the connection broke. */
  async #read({ items, isRead }: Portion): Promise<readonly Portion[]> {
    const reading = new BatchReading();
    const collector = new ContentCollector(this.#writer, (item) => this.#settle(item, reading));
    const work: BatchWork = { items, isRead, collector, reading, started: new Set(), unsettled: new Set(items) };
    for (const [index, item] of items.entries()) {
      item.verdict = undefined;
      if (isRead) {
        work.started.add(index);
        reading.hold(item);
      } else item.content = undefined;
    }
    this.#readings.add(reading);
    try {
      for await (const some of this.#eventsOf(work)) {
        for (const event of some) {
          const waiting = this.#handle(work, event);
          if (waiting !== undefined) await waiting;
        }
        if (this.#failure !== undefined) throw this.#failure.error;
      }
      await collector.drain();
      this.#reconnects.progress();
      return [];
    } catch (error) {
      if (!isConnectionLoss(error) || this.#failure !== undefined || this.#signal.aborted) throw error;
      const left = await this.#salvage(work);
      await this.#reconnects.after(error);
      this.#throwFailure();
      return left;
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
      else this.#withoutBase(item);
    } catch (error) {
      if (!isConnectionLoss(error) || this.#failure !== undefined || this.#signal.aborted) throw error;
      await this.#reconnects.after(error);
      this.#throwFailure();
      // Twice at most, because nothing of it is kept: read whole, each break leaves more of it to go on from.
      if (this.#brokenRanges.has(item)) this.#withoutBase(item);
      else {
        this.#brokenRanges.add(item);
        this.add(item);
      }
    } finally {
      this.#readings.delete(reading);
    }
  }

  /**
   * Splits what the broken stream had not finished: files whose content is stored need a verdict only, large ones the rest, all others are
   * read again from their start. What was stored of these stays as blobs that nothing names, or is found when the same content comes again.
   */
  async #salvage({ collector, reading, unsettled, isRead }: BatchWork): Promise<readonly Portion[]> {
    const items = [...unsettled];
    if (isRead) return [{ items, isRead }];
    collector.drop();
    await collector.drain();
    const whole: ArchiveItem[] = [];
    const rests: Portion[] = [];
    const again: ArchiveItem[] = [];
    let hasKept = false;
    for (const item of items) {
      const before = item.resumedBytes;
      const kept = reading.kept(item);
      if (kept?.isWhole === true && this.#source.look !== undefined) whole.push(item);
      else if (kept?.isWhole === false && kept.bytes < item.entry.size && this.#source.readRest !== undefined) {
        const { content } = kept;
        item.resume = { ...nodeOfEntry(item.entry, item.extras, kept), content };
        rests.push({ items: [item], isRead: false });
        hasKept ||= kept.bytes > before;
        this.#onDropped(Math.max(0, before + reading.receivedOf(item) - kept.bytes));
      } else {
        if (item.resume === undefined) again.push(item);
        else rests.push({ items: [item], isRead: false });
        this.#onDropped(reading.receivedOf(item));
      }
    }
    if (hasKept || whole.length > 0) this.#reconnects.progress();
    const portions = [...rests];
    if (whole.length > 0) portions.push({ items: whole, isRead: true });
    if (again.length > 0) portions.push({ items: again, isRead: false });
    return portions;
  }

  #withoutBase(item: ArchiveItem): void {
    item.base = undefined;
    this.add(item);
  }

  #eventsOf({ items, isRead, collector, reading, started }: BatchWork): AsyncIterable<readonly ReadEvent[]> {
    const [first] = items;
    const entries = items.map(({ entry }) => entry);
    if (isRead && this.#source.look !== undefined) return this.#source.look(entries, { signal: this.#signal });
    if (first?.resume === undefined || this.#source.readRest === undefined) {
      return this.#source.read(entries, { signal: this.#signal });
    }
    started.add(0);
    first.extras = extrasOfNode(first.resume);
    reading.start(first);
    collector.startRest(first, first.resume);
    return this.#source.readRest(first.entry, { offset: first.resume.size, signal: this.#signal });
  }

  /** A promise only when the next event has to wait: a small file has four events, and a promise for each costs more than what is done. */
  #handle(work: BatchWork, event: ReadEvent): Promise<void> | undefined {
    const { items, collector, reading, started } = work;
    if (event.kind === "doubt") {
      reading.doubt();
      return undefined;
    }
    const item = items[event.index]!;
    const isFile = item.entry.type === "file";
    switch (event.kind) {
      case "start":
        started.add(event.index);
        item.extras = event.extras;
        reading.start(item);
        return isFile ? collector.start(item) : undefined;
      case "data": {
        const { length } = event.bytes;
        const taken = isFile ? collector.data(item, event.bytes) : undefined;
        return taken === undefined
          ? this.#received(reading, item, length)
          : taken.then(() => this.#received(reading, item, length));
      }
      case "hole":
        reading.hole(item);
        return isFile ? collector.hole(item, event.length) : undefined;
      case "end":
        reading.end(item);
        if (isFile) collector.end(item);
        return undefined;
      case "verdict": {
        // The verdicts begin: no more content follows, so the batch can go.
        if (item.resume !== undefined && event.verdict === "same") {
          reading.end(item);
          collector.end(item);
        }
        const flushed = collector.flush();
        if (flushed !== undefined) return flushed.then(() => this.#takeVerdict(work, item, event));
        this.#takeVerdict(work, item, event);
        return undefined;
      }
    }
  }

  #received(reading: BatchReading, item: ArchiveItem, bytes: number): Promise<void> | undefined {
    reading.receive(item, bytes);
    return this.#onBytes(item, bytes);
  }

  #takeVerdict({ collector, reading, started, unsettled }: BatchWork, item: ArchiveItem, event: VerdictEvent): void {
    unsettled.delete(item);
    if (event.verdict !== "same") reading.settle(item);
    if (item.resume === undefined || event.verdict === "same") this.#judge(item, event, reading, started.has(event.index));
    else this.#readWhole(item, collector, event.now);
  }

  /** It changed, or the host cannot read a part: as if there had been no checkpoint. */
  #readWhole(item: ArchiveItem, collector: ContentCollector, now: FileEntry | undefined): void {
    collector.drop();
    if (now?.type === item.entry.type) item.entry = now;
    item.resume = undefined;
    item.resumedBytes = 0;
    item.checkpointBytes = 0;
    this.add(item);
  }

  #judge(item: ArchiveItem, event: VerdictEvent, reading: BatchReading, wasRead: boolean): void {
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
