import { sealOverheadBytes, sha256Hex } from "../crypto/index.ts";
import type { TreeNode } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";
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
  /** How many of `bytes` are zeros after the blobs: tar reads each run of a sparse file in whole blocks. */
  readonly fillBytes: number;
}

/** Where the data of a file lies. A file with zero blobs is restored sparse, without reading them. */
export function filePartsOf(
  repository: Repository,
  node: TreeNode,
): { readonly parts: readonly FilePart[]; readonly hasHoles: boolean } {
  const parts: { offset: number; bytes: number; blobs: string[]; fillBytes: number }[] = [];
  let offset = 0;
  let hasHoles = false;
  const content = node.content ?? [];
  for (const [at, id] of content.entries()) {
    const bytes = id === zeroBlobId ? zeroBlobBytes : plainBytesOf(repository, id);
    // The end of a hole that ends the file is a blob of its own length.
    const isTail: boolean =
      hasHoles && at === content.length - 1 && bytes < zeroBlobBytes && id === sha256Hex(new Uint8Array(bytes));
    const isHole: boolean = id === zeroBlobId || isTail;
    const last = parts.at(-1);
    if (last !== undefined && (last.blobs.length === 0) === isHole) {
      last.bytes += bytes;
      if (!isHole) last.blobs.push(id);
    } else {
      // The hole gives the zeros that fill the last block of the data before it.
      const fillBytes = isHole && last !== undefined ? tarPaddingBytes(last.bytes) : 0;
      if (last !== undefined) {
        last.bytes += fillBytes;
        last.fillBytes = fillBytes;
      }
      parts.push({ offset: offset + fillBytes, bytes: bytes - fillBytes, blobs: isHole ? [] : [id], fillBytes: 0 });
    }
    hasHoles ||= isHole;
    offset += bytes;
  }
  return { parts, hasHoles };
}

/** As the index says; the reader checks it against the opened blob. */
export function plainBytesOf(repository: Repository, id: string): number {
  const location = repository.index.locate(id, "data");
  if (location === undefined) return 0;
  return location.uncompressedLength === 0 ? location.length - sealOverheadBytes : location.uncompressedLength;
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
