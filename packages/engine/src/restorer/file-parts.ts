import { maxPlainBytes } from "../blob-codec/index.ts";
import { sealOverheadBytes, sha256Hex } from "../crypto/index.ts";
import type { Repository } from "../repository/repository.ts";
import type { RestoreNode } from "./restore-item.ts";
import { tarPaddingBytes } from "./tar-headers.ts";

/** SHA-256 of 512 KiB of zeros: what the chunker makes of every half MiB of a hole. */
export const zeroBlobId = "07854d2fef297a06ba81685e660c332de36d5d18d546927d30daad6d7fda1541";
export const zeroBlobBytes = 524_288;

/** A run of a file: data blobs, or a hole. */
export interface FilePart {
  readonly offset: number;
  readonly bytes: number;
  /** Empty for a hole. */
  readonly blobs: readonly string[];
  /** Their plain lengths, as the index says. */
  readonly blobBytes: readonly number[];
  /** How many of `bytes` are zeros after the blobs: tar reads each run of a sparse file in whole blocks. */
  readonly fillBytes: number;
}

export interface FileParts {
  readonly parts: readonly FilePart[];
  readonly hasHoles: boolean;
  /** Set when no header can be made for the file: a blob is in no index, or the index says nonsense of it. */
  readonly damage: string | undefined;
}

/** Where the data of a file lies. A file with zero blobs is restored sparse, without reading them. */
export function filePartsOf(repository: Repository, node: RestoreNode): FileParts {
  const parts: { offset: number; bytes: number; blobs: string[]; blobBytes: number[]; fillBytes: number }[] = [];
  let offset = 0;
  let hasHoles = false;
  const content = node.content ?? [];
  let damage: string | undefined;
  for (const [at, id] of content.entries()) {
    const bytes = id === zeroBlobId ? zeroBlobBytes : plainBytesOf(repository, id);
    if (bytes === 0) damage ??= `data blob ${id} is in no index of ${repository.store.url}`;
    if (bytes > maxPlainBytes.data) damage ??= `data blob ${id} claims ${bytes} bytes in the index, more than any tool writes`;
    // The end of a hole that ends the file is a blob of its own length.
    const isTail: boolean =
      hasHoles && at === content.length - 1 && bytes < zeroBlobBytes && id === sha256Hex(new Uint8Array(bytes));
    const isHole: boolean = id === zeroBlobId || isTail;
    const last = parts.at(-1);
    if (last !== undefined && (last.blobs.length === 0) === isHole) {
      last.bytes += bytes;
      if (!isHole) {
        last.blobs.push(id);
        last.blobBytes.push(bytes);
      }
    } else {
      // The hole gives the zeros that fill the last block of the data before it.
      const fillBytes = isHole && last !== undefined ? tarPaddingBytes(last.bytes) : 0;
      if (last !== undefined) {
        last.bytes += fillBytes;
        last.fillBytes = fillBytes;
      }
      const [blobs, blobBytes] = isHole ? [[], []] : [[id], [bytes]];
      parts.push({ offset: offset + fillBytes, bytes: bytes - fillBytes, blobs, blobBytes, fillBytes: 0 });
    }
    hasHoles ||= isHole;
    offset += bytes;
  }
  return { parts, hasHoles, damage };
}

/** As the index says; the reader checks it against the opened blob. 0 for one that is in no index: no blob is empty. */
export function plainBytesOf(repository: Repository, id: string): number {
  const location = repository.index.locate(id, "data");
  if (location === undefined) return 0;
  return location.uncompressedLength === 0 ? Math.max(0, location.length - sealOverheadBytes) : location.uncompressedLength;
}

/** GNU sparse format 1.0: the map in front of the data, as decimal lines padded to a block. */
export function sparseMapBlock(parts: readonly FilePart[], fileBytes: number): Buffer {
  const data = parts.filter((part) => part.blobs.length > 0).map(({ offset, bytes }) => ({ offset, bytes }));
  // A hole at the end is marked by an empty run there.
  const last = parts.at(-1);
  if (last === undefined || last.blobs.length === 0) data.push({ offset: fileBytes, bytes: 0 });
  const lines = [String(data.length), ...data.flatMap(({ offset, bytes }) => [String(offset), String(bytes)])];
  const text = `${lines.join("\n")}\n`;
  return Buffer.from(text.padEnd(Math.ceil(text.length / 512) * 512, "\0"), "latin1");
}
