import { type FileRanges, pageBytes, pageHashBytes } from "@lifeboat/model";
import { sha256Bytes } from "../crypto/index.ts";

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

const emptyPage = new Uint8Array(pageBytes);
const emptyPageHash = sha256Bytes(emptyPage);
/** One question for so many bytes at most. */
const maxReadBytes = 1024 * 1024;

/**
 * Makes `bytes`, which stood at `offset` before, what stands there now: asks for hashes of pages and pulls those that differ. Empty
 * pages are not pulled. Gives the bytes that were.
 */
export async function patchPages(ranges: FileRanges, offset: number, bytes: Uint8Array): Promise<number> {
  const hashes = await ranges.hashPages(offset, bytes.length);
  const wanted: { offset: number; length: number }[] = [];
  let pulled = 0;
  for (let at = 0, page = 0; at < bytes.length; page++) {
    const length = Math.min(pageBytes - ((offset + at) % pageBytes), bytes.length - at);
    const told = hashes.subarray(page * pageHashBytes, (page + 1) * pageHashBytes);
    const plain = bytes.subarray(at, at + length);
    if (!isSame(told, sha256Bytes(plain))) {
      if (isSame(told, length === pageBytes ? emptyPageHash : sha256Bytes(emptyPage.subarray(0, length)))) plain.fill(0);
      else {
        pulled += length;
        const last = wanted.at(-1);
        if (last !== undefined && last.offset + last.length === offset + at && last.length < maxReadBytes) last.length += length;
        else wanted.push({ offset: offset + at, length });
      }
    }
    at += length;
  }
  await Promise.all(wanted.map(async (range) => bytes.set(await ranges.read(range.offset, range.length), range.offset - offset)));
  return pulled;
}

/** Pulls all of `bytes`. */
export async function pullRange(ranges: FileRanges, offset: number, bytes: Uint8Array): Promise<void> {
  const parts: Promise<void>[] = [];
  for (let at = 0; at < bytes.length; at += maxReadBytes) {
    const length = Math.min(maxReadBytes, bytes.length - at);
    parts.push(ranges.read(offset + at, length).then((part) => bytes.set(part, at)));
  }
  await Promise.all(parts);
}

/** The first bytes of `hash`, as many as were told. */
function isSame(told: Uint8Array, hash: Uint8Array): boolean {
  for (let at = 0; at < told.length; at++) if (told[at] !== hash[at]) return false;
  return told.length === pageHashBytes;
}
