import type { FileEntry } from "@lifeboat/model";
import { plainLengthOf } from "../blob-codec/index.ts";
import type { TreeNode } from "../format/index.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { BaseBlob } from "./base-pieces.ts";

type WithContent = TreeNode & { readonly content: readonly string[] };

/** The file's blobs with their lengths; undefined when not all of them are stored, or when the index claims what no tool writes. */
export function storedBlobs(index: BlobIndex, content: readonly string[]): readonly BaseBlob[] | undefined {
  const blobs: BaseBlob[] = [];
  for (const id of content) {
    const location = index.locate(id, "data");
    if (location === undefined) return undefined;
    try {
      blobs.push({ id, length: plainLengthOf(location, location.length) });
    } catch {
      return undefined;
    }
  }
  return blobs;
}

/** Its blobs are there and make up its size: what is read behind or beside them must not stand in the wrong place. */
export function isWhole(index: BlobIndex, { content, size }: Pick<WithContent, "content" | "size">): boolean {
  return storedBlobs(index, content)?.reduce((sum, { length }) => sum + length, 0) === size;
}

/** Large before and after, and what it was is there: then only what differs is worth moving. */
export function isComparable(
  index: BlobIndex,
  entry: FileEntry,
  previous: TreeNode | undefined,
  leastBytes: number | undefined,
): previous is WithContent {
  if (leastBytes === undefined || entry.type !== "file" || previous?.type !== "file" || previous.content === undefined)
    return false;
  const { content, size } = previous;
  return Math.min(entry.size, size) >= Math.max(leastBytes, 1) && isWhole(index, { content, size });
}
