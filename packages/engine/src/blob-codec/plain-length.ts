import { sealOverheadBytes, TagMismatch } from "../crypto/index.ts";
import { maxPlainBytes, type StoredBlob } from "./blob-codec.ts";

/** How long a blob is when it is opened, by what an index says, which may lie: throws when that is more than any tool writes. */
export function plainLengthOf({ type, uncompressedLength }: StoredBlob, sealedBytes: number): number {
  if (sealedBytes < sealOverheadBytes) throw new TagMismatch();
  const length = uncompressedLength === 0 ? sealedBytes - sealOverheadBytes : uncompressedLength;
  if (length > maxPlainBytes[type]) throw new Error(`claims ${length} bytes`);
  return length;
}
