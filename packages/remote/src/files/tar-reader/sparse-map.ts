import { blockBytes } from "./tar-header.ts";

/** A stretch of a sparse file that has data. */
export interface DataRange {
  readonly offset: number;
  readonly length: number;
}

const maxRanges = 4_000_000;

/**
 * The map in front of a sparse file's data (GNU sparse 1.0): decimal lines, the number of ranges, then offset and length of
 * each; padded with NUL to a whole block.
 */
export class SparseMapParser {
  readonly #realSize: number;
  readonly #ranges: DataRange[] = [];
  #left: number | undefined;
  #offset: number | undefined;
  #number = 0;
  #digits = 0;
  #consumed = 0;
  #padding: number | undefined;

  constructor(realSize: number) {
    this.#realSize = realSize;
  }

  get consumedBytes(): number {
    return this.#consumed;
  }

  /** The ranges when the map is complete, padding and all. */
  get ranges(): readonly DataRange[] | undefined {
    return this.#padding === 0 ? this.#ranges : undefined;
  }

  /** Takes from `bytes` what belongs to the map; returns where it stopped. */
  push(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#padding === undefined) this.#take(bytes[at++] as number);
    if (this.#padding !== undefined) {
      const skipped = Math.min(this.#padding, end - at);
      this.#padding -= skipped;
      at += skipped;
    }
    this.#consumed += at - start;
    return at;
  }

  #textBytes = 0;

  #take(byte: number): void {
    this.#textBytes++;
    if (byte >= 48 && byte <= 57 && this.#digits < 16) {
      this.#number = this.#number * 10 + byte - 48;
      this.#digits++;
      return;
    }
    if (byte !== 10 || this.#digits === 0 || !Number.isSafeInteger(this.#number))
      throw new Error("the map of a sparse file cannot be read");
    this.#line(this.#number);
    this.#number = 0;
    this.#digits = 0;
  }

  #line(value: number): void {
    if (this.#left === undefined) {
      if (value > maxRanges) throw new Error(`a sparse file has more than ${maxRanges} ranges`);
      this.#left = value;
    } else if (this.#offset === undefined) {
      this.#offset = value;
    } else {
      const previous = this.#ranges.at(-1);
      const reached = previous === undefined ? 0 : previous.offset + previous.length;
      if (this.#offset < reached || this.#offset + value > this.#realSize)
        throw new Error("the ranges of a sparse file overlap or exceed it");
      this.#ranges.push({ offset: this.#offset, length: value });
      this.#offset = undefined;
      this.#left--;
    }
    if (this.#left === 0) this.#padding = (blockBytes - (this.#textBytes % blockBytes)) % blockBytes;
  }
}
