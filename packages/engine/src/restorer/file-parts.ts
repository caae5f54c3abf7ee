import { sealOverheadBytes } from "../crypto/index.ts";
import type { TreeNode } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";

/** SHA-256 of 512 KiB of zeros: what the chunker makes of every half MiB of a hole. */
export const zeroBlobId = "07854d2fef297a06ba81685e660c332de36d5d18d546927d30daad6d7fda1541";
export const zeroBlobBytes = 524_288;

/** A run of a file: data blobs, or a hole. */
export interface FilePart {
  readonly offset: number;
  readonly bytes: number;
  /** Empty for a hole. */
  readonly blobs: readonly string[];
}

/** Where the data of a file lies. A file with zero blobs is restored sparse, without reading them. */
export function filePartsOf(
  repository: Repository,
  node: TreeNode,
): { readonly parts: readonly FilePart[]; readonly hasHoles: boolean } {
  const parts: { offset: number; bytes: number; blobs: string[] }[] = [];
  let offset = 0;
  let hasHoles = false;
  for (const id of node.content ?? []) {
    const isHole = id === zeroBlobId;
    const bytes = isHole ? zeroBlobBytes : plainBytesOf(repository, id);
    const last = parts.at(-1);
    if (last !== undefined && (last.blobs.length === 0) === isHole) {
      last.bytes += bytes;
      if (!isHole) last.blobs.push(id);
    } else parts.push({ offset, bytes, blobs: isHole ? [] : [id] });
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
