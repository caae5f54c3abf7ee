import { type FileRanges, LifeboatError, type RangesVerdict } from "@lifeboat/model";
import { sha256Hex } from "../crypto/index.ts";
import type { BlobStream } from "../repository/blob-stream.ts";
import type { BlobReader } from "../restorer/blob-reader.ts";
import type { ArchiveItem } from "./archive-item.ts";
import { type BaseBlob, type BasePiece, groupPieces, piecesOf } from "./base-pieces.ts";
import type { BatchReading } from "./batch-reading.ts";
import { patchPages, pullRange } from "./page-patch.ts";
import type { RangeReadingParts } from "./range-reading.ts";

/** Blobs that are loaded and patched together; memory holds a few groups. */
const groupBytes = 8 * 1024 * 1024;
/** Groups whose hashes are asked for before they are wanted, so that a long way to the host is not gone for each. */
const groupsHashedAhead = 12;
const groupsLoadedAhead = 2;
/** What follows the earlier state is pulled in steps. */
const tailStepBytes = 1024 * 1024;
const tailStepsAhead = 6;
/** From so much on it is asked whether loading earlier blobs pays: less than this part of their bytes must have to be pulled. */
const judgedFromBytes = 32 * 1024 * 1024;
const payingPart = 1 / 2;

interface Group {
  readonly pieces: readonly BasePiece[];
  /** SHA-256 of each as it is now, in hex. */
  readonly hashes: Promise<readonly string[]>;
  ready: Promise<readonly ReadPiece[]> | undefined;
}

/** `bytes` is absent where the blob is as it was. */
interface ReadPiece {
  readonly piece: BasePiece;
  readonly bytes: Uint8Array | undefined;
  readonly pulled: number;
}

export interface ChangedFileParts extends Pick<RangeReadingParts, "signal" | "onBytes" | "onUnmoved"> {
  readonly item: ArchiveItem;
  /** The blobs of its earlier state. */
  readonly blobs: readonly BaseBlob[];
  readonly ranges: FileRanges;
  readonly stream: BlobStream;
  readonly reader: BlobReader;
  readonly reading: BatchReading;
}

/** One reading of one file by what differs from its earlier state. */
export class ChangedFile {
  readonly #parts: ChangedFileParts;
  readonly #ranges: FileRanges;
  readonly #stream: BlobStream;
  /** Everything before here is cut: a blob that is as it was can be taken as it is. */
  #isAtCut = true;
  #isClosed = false;
  #comparedBytes = 0;
  #differingBytes = 0;

  constructor(parts: ChangedFileParts) {
    this.#parts = parts;
    this.#ranges = parts.ranges;
    this.#stream = parts.stream;
  }

  /** Once. Rejects with a LifeboatError when the file has to be read whole. */
  async read(): Promise<RangesVerdict> {
    const { item, blobs, reading } = this.#parts;
    const from = item.resume?.size ?? 0;
    if (item.resume !== undefined) this.#stream.resume(item.resume.content, from);
    item.extras = this.#ranges.extras;
    item.bytes = from;
    item.resumedBytes = from;
    item.stream = this.#stream;
    reading.start(item);
    await this.#readKnown(groupPieces(piecesOf(blobs, from, item.entry.size), groupBytes));
    const known = blobs.reduce((sum, { length }) => sum + length, 0);
    await this.#readTail(Math.max(known, from));
    const verdict = await this.#ranges.finish();
    if (verdict.verdict === "vanished") return verdict;
    // Of another state of the file nothing is left to go on behind.
    if (verdict.verdict === "changed") item.resume = undefined;
    const content = await this.#stream.finish();
    this.#isClosed = true;
    item.content = content;
    return verdict;
  }

  /** After `read`, or to make it reject. */
  close(): void {
    this.#ranges.close();
    if (!this.#isClosed) this.#stream.drop();
    this.#isClosed = true;
  }

  async #readKnown(groups: Iterator<readonly BasePiece[]>): Promise<void> {
    const ahead: Group[] = [];
    for (;;) {
      while (ahead.length < groupsHashedAhead) {
        const next = groups.next();
        if (next.done === true) break;
        ahead.push(this.#hash(next.value));
      }
      for (const group of ahead.slice(0, groupsLoadedAhead)) {
        group.ready ??= this.#prepare(group);
        group.ready.catch(() => {});
      }
      const ready = ahead.shift()?.ready;
      if (ready === undefined) return;
      for (const piece of await ready) await this.#take(piece);
    }
  }

  #hash(pieces: readonly BasePiece[]): Group {
    const hashes = Promise.all(
      pieces.map(async ({ start, end }) => Buffer.from(await this.#ranges.hash(start, end - start)).toString("hex")),
    );
    hashes.catch(() => {});
    return { pieces, hashes, ready: undefined };
  }

  /** Loads what the differing pieces were and makes them what they are. */
  async #prepare({ pieces, hashes }: Group): Promise<readonly ReadPiece[]> {
    const now = await hashes;
    const differing = pieces.filter((piece, at) => !isAsItWas(piece, now[at]!));
    const pays = this.#comparedBytes < judgedFromBytes || this.#differingBytes < this.#comparedBytes * payingPart;
    const wanted = pays ? differing.map(({ blob }) => blob.id) : [];
    const loaded = wanted.length === 0 ? new Map<string, never>() : await this.#parts.reader.load(wanted, this.#parts.signal);
    const made = pieces.map(async (piece, at): Promise<ReadPiece> => {
      if (isAsItWas(piece, now[at]!)) return { piece, bytes: undefined, pulled: 0 };
      const bytes = new Uint8Array(piece.end - piece.start);
      const pulled = await this.#fill(piece, bytes, loaded.get(piece.blob.id));
      this.#check(bytes, now[at]!);
      return { piece, bytes, pulled };
    });
    // Copied by now, all of them: `fill` does that before it waits for anything.
    this.#parts.reader.release(loaded);
    return Promise.all(made);
  }

  /** Gives the bytes that were pulled for it: all, where the earlier blob is damaged or gone. */
  async #fill(piece: BasePiece, bytes: Uint8Array, blob: Uint8Array | Error | undefined): Promise<number> {
    if (!(blob instanceof Uint8Array) || blob.length !== piece.blob.length) {
      await pullRange(this.#ranges, piece.start, bytes);
      return bytes.length;
    }
    bytes.set(blob.subarray(piece.within, piece.within + bytes.length));
    const pulled = await patchPages(this.#ranges, piece.start, bytes);
    this.#comparedBytes += bytes.length;
    this.#differingBytes += pulled;
    return pulled;
  }

  /** What was put together is what the host had hashed; else the file changed meanwhile, or the host tells tales. */
  #check(bytes: Uint8Array, hash: string): void {
    if (sha256Hex(bytes) === hash) return;
    throw new LifeboatError("host-garbage", "what was pulled is not what was hashed: it changed meanwhile");
  }

  async #take({ piece, bytes, pulled }: ReadPiece): Promise<void> {
    const length = piece.end - piece.start;
    if (bytes === undefined && piece.keepsCut) {
      this.#isAtCut ||= await this.#stream.settle();
      if (this.#isAtCut) {
        this.#stream.append(piece.blob.id, length);
        await this.#count(length, 0);
        return;
      }
    }
    // As it was, but the cuts before it have moved, or it ended where the file ended: it is cut anew.
    const content = bytes === undefined ? await this.#loadSame(piece) : { bytes, pulled };
    await this.#stream.write(content.bytes);
    this.#isAtCut = false;
    await this.#count(length, content.pulled);
  }

  async #loadSame({ start, blob }: BasePiece): Promise<{ bytes: Uint8Array; pulled: number }> {
    const loaded = await this.#parts.reader.load([blob.id], this.#parts.signal);
    const plain = loaded.get(blob.id);
    const bytes = new Uint8Array(blob.length);
    const isThere = plain instanceof Uint8Array && plain.length === blob.length;
    if (isThere) bytes.set(plain);
    this.#parts.reader.release(loaded);
    if (isThere) return { bytes, pulled: 0 };
    await pullRange(this.#ranges, start, bytes);
    this.#check(bytes, blob.id);
    return { bytes, pulled: bytes.length };
  }

  async #readTail(from: number): Promise<void> {
    const steps: Promise<Uint8Array>[] = [];
    for (let next = from; ; ) {
      while (steps.length < tailStepsAhead && next < this.#parts.item.entry.size) {
        const length = Math.min(tailStepBytes, this.#parts.item.entry.size - next);
        steps.push(this.#ranges.read(next, length));
        next += length;
      }
      const bytes = await steps.shift();
      if (bytes === undefined) return;
      await this.#stream.write(bytes);
      await this.#count(bytes.length, bytes.length);
    }
  }

  async #count(length: number, pulled: number): Promise<void> {
    const { item, reading, onUnmoved, onBytes } = this.#parts;
    item.bytes += length;
    item.unmovedBytes += length - pulled;
    reading.receive(item, pulled);
    onUnmoved(item, length - pulled);
    await onBytes(item, pulled);
  }
}

function isAsItWas({ start, end, within, blob }: BasePiece, hash: string): boolean {
  return within === 0 && end - start === blob.length && hash === blob.id;
}
