import { type FileSource, LifeboatError, type ReadEvent } from "@lifeboat/model";
import type { BlobWriter } from "../repository/blob-writer.ts";
import type { ArchiveItem } from "./archive-item.ts";
import { ContentCollector } from "./content-collector.ts";

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

/** Reads items in batches over a few parallel streams. */
export class ReadQueue {
  readonly #source: FileSource;
  readonly #writer: BlobWriter;
  readonly #outcome: ReadOutcome;
  readonly #signal: AbortSignal;
  readonly #onBytes: (item: ArchiveItem, bytes: number) => void;
  readonly #streams = new Set<Promise<void>>();
  #queue: ArchiveItem[] = [];
  #queuedBytes = 0;
  #inStreams = 0;
  #flushing = false;
  #failure: { error: unknown } | undefined;

  constructor(parts: {
    source: FileSource;
    writer: BlobWriter;
    outcome: ReadOutcome;
    signal: AbortSignal;
    onBytes: (item: ArchiveItem, bytes: number) => void;
  }) {
    this.#source = parts.source;
    this.#writer = parts.writer;
    this.#outcome = parts.outcome;
    this.#signal = parts.signal;
    this.#onBytes = parts.onBytes;
  }

  add(item: ArchiveItem): void {
    this.#queue.push(item);
    this.#queuedBytes += item.entry.type === "file" ? item.entry.size : 0;
    this.#pump();
  }

  /** Waits while more than enough is queued. */
  async room(): Promise<void> {
    while (this.#queue.length + this.#inStreams > maxQueued && this.#streams.size > 0) await Promise.race(this.#streams);
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
    await Promise.allSettled(this.#streams);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #pump(): void {
    if (this.#failure !== undefined) return;
    while (this.#streams.size < maxStreams && this.#queue.length > 0 && this.#isBatchReady()) {
      const batch = this.#takeBatch();
      this.#inStreams += batch.length;
      const stream = this.#read(batch)
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
      const { entry } = this.#queue[count++]!;
      if (entry.type === "file") bytes += entry.size;
    }
    this.#queuedBytes -= bytes;
    const batch = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    return batch;
  }

  async #read(batch: readonly ArchiveItem[]): Promise<void> {
    const collector = new ContentCollector(this.#writer, (item) => this.#settle(item));
    for (const item of batch) {
      item.verdict = undefined;
      item.content = undefined;
    }
    const started = new Set<number>();
    try {
      const events = this.#source.read(
        batch.map(({ entry }) => entry),
        { signal: this.#signal },
      );
      for await (const some of events) {
        for (const event of some) await this.#handle(batch[event.index]!, event, collector, started);
        if (this.#failure !== undefined) throw this.#failure.error;
      }
      await collector.drain();
    } finally {
      collector.drop();
    }
  }

  async #handle(item: ArchiveItem, event: ReadEvent, collector: ContentCollector, started: Set<number>): Promise<void> {
    const isFile = item.entry.type === "file";
    switch (event.kind) {
      case "start":
        started.add(event.index);
        item.extras = event.extras;
        if (isFile) await collector.start(item);
        return;
      case "data":
        this.#onBytes(item, event.bytes.length);
        if (isFile) await collector.data(item, event.bytes);
        return;
      case "hole":
        if (isFile) await collector.hole(item, event.length);
        return;
      case "end":
        if (isFile) collector.end(item);
        return;
      case "verdict":
        // The verdicts begin: no more content follows, so the batch can go.
        await collector.flush();
        this.#judge(item, event, started.has(event.index));
    }
  }

  #judge(item: ArchiveItem, event: Extract<ReadEvent, { kind: "verdict" }>, wasRead: boolean): void {
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
    else this.#settle(item);
  }

  #settle(item: ArchiveItem): void {
    const ready = item.verdict !== undefined && (item.entry.type !== "file" || item.content !== undefined);
    if (ready) this.#outcome.read(item);
  }
}
