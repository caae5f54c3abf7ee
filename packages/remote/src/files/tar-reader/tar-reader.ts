import type { ExtendedAttribute } from "@lifeboat/model";
import { ChunkList } from "../../process/chunk-list.ts";
import { type PaxRecords, parsePaxRecords } from "./pax-records.ts";
import { type DataRange, SparseMapParser } from "./sparse-map.ts";
import { blockBytes, parseTarHeader, type TarHeader } from "./tar-header.ts";

/** One entry of the archive; `path` without a trailing slash. */
export interface TarEntry {
  readonly path: string;
  /** Type flag: "0" file, "1" hard link, "2" symlink, "3" and "4" devices, "5" folder, "6" fifo. */
  readonly type: string;
  /** Bytes of content as claimed, holes included: as much comes at most. May be beyond 2^53, and then is not exact. */
  readonly size: number;
  readonly xattrs: readonly ExtendedAttribute[];
  readonly major: number;
  readonly minor: number;
}

export interface TarListener {
  /** False: its content is of no use. All of its data is told nevertheless, and none of its holes. */
  entry(entry: TarEntry): boolean;
  /** A part of the chunk that was pushed, not copied. */
  data(bytes: Buffer): void;
  hole(length: number): void;
  end(): void;
}

/** The kernel bounds one attribute to 64 KiB and all names of a file to 64 KiB. */
const maxPaxBytes = 16 * 1024 * 1024;
const noRecords: PaxRecords = { path: undefined, size: undefined, xattrs: [], sparse: undefined };

/**
 * A streaming reader of what GNU tar writes with `--format=posix`: bytes in chunks cut anywhere, calls out. File content
 * passes through uncopied. Anything that GNU tar would not write is an Error.
 */
export class TarReader {
  readonly #listener: TarListener;
  #state: "header" | "pax" | "map" | "data" | "padding" | "done" = "header";
  readonly #block = Buffer.allocUnsafe(blockBytes);
  #blockFill = 0;
  #zeroBlocks = 0;
  #records = noRecords;
  readonly #pax = new ChunkList();
  /** Bytes left of the current pax body, data or padding. */
  #left = 0;
  #afterPadding = 0;
  #map: SparseMapParser | undefined;
  #ranges: readonly DataRange[] | undefined;
  #rangeAt = 0;
  #position = 0;
  #realSize = 0;

  constructor(listener: TarListener) {
    this.#listener = listener;
  }

  /** True after the two blocks of zeros that end an archive. */
  get complete(): boolean {
    return this.#state === "done";
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === "data") at = this.#takeData(bytes, at);
      else if (this.#state === "header") at = this.#takeHeader(bytes, at);
      else if (this.#state === "padding") at = this.#takePadding(bytes, at);
      else if (this.#state === "pax") at = this.#takePax(bytes, at);
      else if (this.#state === "map") at = this.#takeMap(bytes, at);
      else at = this.#takeRest(bytes, at);
    }
  }

  #takeHeader(bytes: Buffer, start: number): number {
    let header: TarHeader | undefined;
    let at = start;
    if (this.#blockFill === 0 && bytes.length - start >= blockBytes) {
      header = parseTarHeader(bytes, start);
      at += blockBytes;
    } else {
      const taken = Math.min(blockBytes - this.#blockFill, bytes.length - start);
      bytes.copy(this.#block, this.#blockFill, start, start + taken);
      this.#blockFill += taken;
      at += taken;
      if (this.#blockFill < blockBytes) return at;
      this.#blockFill = 0;
      header = parseTarHeader(this.#block, 0);
    }
    if (header === undefined) {
      if (++this.#zeroBlocks === 2) this.#state = "done";
    } else if (this.#zeroBlocks > 0) {
      throw new Error("a header follows the end of the archive");
    } else if (header.type === "x") {
      if (header.size === 0 || header.size > maxPaxBytes) throw new Error(`an extended header of ${header.size} bytes`);
      if (this.#records !== noRecords) throw new Error("two extended headers for one entry");
      this.#left = header.size;
      this.#afterPadding = paddingAfter(header.size);
      this.#state = "pax";
    } else {
      this.#startEntry(header);
    }
    return at;
  }

  #takePax(bytes: Buffer, start: number): number {
    const end = Math.min(bytes.length, start + this.#left);
    this.#pax.push(bytes.subarray(start, end));
    this.#left -= end - start;
    if (this.#left === 0) {
      this.#records = parsePaxRecords(this.#pax.takeJoined());
      this.#startPadding();
    }
    return end;
  }

  #startEntry(header: TarHeader): void {
    const records = this.#records;
    this.#records = noRecords;
    if (!/^[0-6]$/.test(header.type)) throw new Error(`an entry of the unknown type "${header.type}"`);
    const name = records.sparse?.name ?? records.path ?? header.name;
    const size = records.size ?? header.size;
    if (size > 0 && header.type !== "0") throw new Error(`an entry of type ${header.type} with ${size} bytes of data`);
    const isWanted = this.#listener.entry({
      path: name.length > 1 && name.endsWith("/") ? name.replace(/\/+$/, "") || "/" : name,
      type: header.type,
      size: Math.max(size, records.sparse?.realSize ?? 0),
      xattrs: records.xattrs,
      major: header.major,
      minor: header.minor,
    });
    this.#left = size;
    this.#afterPadding = paddingAfter(size);
    this.#ranges = undefined;
    if (records.sparse !== undefined && isWanted) {
      this.#realSize = records.sparse.realSize;
      this.#map = new SparseMapParser(this.#realSize);
      this.#state = "map";
    } else if (size > 0) {
      this.#state = "data";
    } else {
      this.#listener.end();
      this.#startPadding();
    }
  }

  #takeMap(bytes: Buffer, start: number): number {
    const map = this.#map as SparseMapParser;
    const at = map.push(bytes, start, Math.min(bytes.length, start + this.#left));
    this.#left -= at - start;
    if (map.ranges !== undefined) {
      const total = map.ranges.reduce((sum, range) => sum + range.length, 0);
      if (total !== this.#left) throw new Error("the map of a sparse file does not fit its data");
      this.#ranges = map.ranges;
      this.#rangeAt = 0;
      this.#position = 0;
      this.#state = "data";
      if (this.#left === 0) this.#endData();
    } else if (this.#left === 0) {
      throw new Error("the map of a sparse file has no end");
    }
    return at;
  }

  #takeData(bytes: Buffer, start: number): number {
    let end = Math.min(bytes.length, start + this.#left);
    if (this.#ranges !== undefined) {
      const range = this.#skipToRange();
      end = Math.min(end, start + range.offset + range.length - this.#position);
      this.#position += end - start;
    }
    this.#listener.data(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    this.#left -= end - start;
    if (this.#left === 0) this.#endData();
    return end;
  }

  /** The range that the next byte of data belongs to; tells of the hole in front of it. */
  #skipToRange(): DataRange {
    for (;;) {
      const range = this.#ranges?.[this.#rangeAt];
      if (range === undefined) throw new Error("a sparse file has data outside its map");
      if (this.#position < range.offset) {
        this.#listener.hole(range.offset - this.#position);
        this.#position = range.offset;
      }
      if (this.#position < range.offset + range.length) return range;
      this.#rangeAt++;
    }
  }

  #endData(): void {
    if (this.#ranges !== undefined && this.#position < this.#realSize) this.#listener.hole(this.#realSize - this.#position);
    this.#listener.end();
    this.#startPadding();
  }

  #startPadding(): void {
    this.#left = this.#afterPadding;
    this.#state = this.#left > 0 ? "padding" : "header";
  }

  #takePadding(bytes: Buffer, start: number): number {
    const end = Math.min(bytes.length, start + this.#left);
    this.#left -= end - start;
    if (this.#left === 0) this.#state = "header";
    return end;
  }

  /** Zeros up to tar's record size. */
  #takeRest(bytes: Buffer, start: number): number {
    for (let at = start; at < bytes.length; at++) if (bytes[at] !== 0) throw new Error("data follows the end of the archive");
    return bytes.length;
  }
}

function paddingAfter(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}
