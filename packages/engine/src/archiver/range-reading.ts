import { type FileSource, LifeboatError, messageOf, type RangeAccess, type RangesVerdict } from "@lifeboat/model";
import type { BlobWriter } from "../repository/blob-writer.ts";
import type { Repository } from "../repository/repository.ts";
import { BlobReader } from "../restorer/blob-reader.ts";
import type { ArchiveItem } from "./archive-item.ts";
import type { BatchReading } from "./batch-reading.ts";
import { ChangedFile } from "./changed-file.ts";
import { isConnectionLoss } from "./reconnects.ts";
import { storedBlobs } from "./stored-content.ts";

export interface RangeReadingParts {
  readonly source: FileSource;
  readonly writer: BlobWriter;
  readonly repository: Repository;
  readonly signal: AbortSignal;
  /** Bytes that came; when it gives a promise, no more is taken before that resolves. */
  readonly onBytes: (item: ArchiveItem, bytes: number) => Promise<void> | undefined;
  /** Bytes of the file that did not have to come; negative when they are to be read after all. */
  readonly onUnmoved: (item: ArchiveItem, bytes: number) => void;
  /** A file is read whole after all, and why: for a log. */
  readonly onDeclined: (item: ArchiveItem, reason: string) => void;
}

/**
 * Reads changed files by what differs from their state in the parent snapshot: the host hashes the ranges of its blobs; of blobs
 * that differ the old bytes come from the repository, and the pages that differ from the host. The blobs are those that reading all
 * of the file would have given.
 */
export class RangeReading {
  readonly #parts: RangeReadingParts;
  readonly #access: RangeAccess | undefined;
  #reader: BlobReader | undefined;
  #open: ChangedFile | undefined;
  #isStopped = false;

  constructor(parts: RangeReadingParts) {
    this.#parts = parts;
    this.#access = parts.source.ranges;
  }

  /**
   * Fills in content and extras and gives the verdict; undefined when the file has to be read whole, for whatever reason. Rejects when
   * the run is stopped, and when the connection to the host was lost: nothing of it is kept then.
   */
  async read(item: ArchiveItem, reading: BatchReading): Promise<RangesVerdict | undefined> {
    const { signal, onDeclined, onUnmoved } = this.#parts;
    item.bytes = 0;
    item.resumedBytes = 0;
    item.unmovedBytes = 0;
    let lost: LifeboatError | undefined;
    try {
      const verdict = await this.#readOpened(item, reading);
      if (typeof verdict !== "string") return verdict;
      onDeclined(item, verdict);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof LifeboatError)) throw error;
      if (isConnectionLoss(error)) lost = error;
      else onDeclined(item, messageOf(error));
    } finally {
      this.#open?.close();
      this.#open = undefined;
    }
    onUnmoved(item, item.resumedBytes - item.bytes);
    reading.settle(item);
    if (lost !== undefined) throw lost;
    return undefined;
  }

  /** Makes `read` end soon. */
  stop(): void {
    this.#isStopped = true;
    this.#open?.close();
  }

  /** Not while something is read. */
  async close(): Promise<void> {
    await this.#reader?.close();
  }

  /** Or the reason why it has to be read whole. */
  async #readOpened(item: ArchiveItem, reading: BatchReading): Promise<RangesVerdict | string> {
    const { writer, repository, signal, onBytes, onUnmoved } = this.#parts;
    const { base } = item;
    const blobs = base && storedBlobs(repository.index, base.content);
    if (base === undefined || blobs === undefined || this.#access === undefined) return "there is nothing to compare it with";
    const ranges = await this.#access.open(item.entry, { knownBytes: base.size, signal });
    if ("declined" in ranges) return ranges.declined;
    this.#reader ??= new BlobReader(repository, { willRelease: true });
    const parts = { item, blobs, ranges, stream: writer.openStream(), reader: this.#reader, reading };
    this.#open = new ChangedFile({ ...parts, signal, onBytes, onUnmoved });
    if (this.#isStopped) return "the run was stopped";
    const verdict = await this.#open.read();
    return verdict.verdict === "vanished" ? "it is gone" : verdict;
  }
}
