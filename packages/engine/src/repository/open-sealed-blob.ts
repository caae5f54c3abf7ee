import { type Sealer, sha256Hex } from "../crypto/index.ts";
import { type BlobType, decompress } from "../format/index.ts";
import { releaseMemory } from "./release-memory.ts";

/** No restic-format tool makes larger blobs of file content; folders can be larger. */
export const maxPlainBytes = { data: 64 * 1024 * 1024, tree: 480 * 1024 * 1024 };

/** Shared with the threads that read many blobs. `damaged` makes the error. */
export function openSealedBlob(
  sealer: Sealer,
  blob: { readonly id: string; readonly type: BlobType; readonly uncompressedLength: number },
  sealed: Uint8Array,
  damaged: (reason: unknown) => Error,
): Buffer {
  let plain: Buffer;
  try {
    const payload = sealer.open(sealed);
    const limit = maxPlainBytes[blob.type];
    if (blob.uncompressedLength > limit) throw new Error(`claims ${blob.uncompressedLength} bytes`);
    plain = blob.uncompressedLength === 0 ? payload : decompress(payload, blob.uncompressedLength);
    if (plain !== payload) releaseMemory(payload);
  } catch (error) {
    throw damaged(error);
  }
  if (sha256Hex(plain) !== blob.id) throw damaged(`blob ${blob.id} has another hash`);
  if (blob.uncompressedLength !== 0 && plain.length !== blob.uncompressedLength)
    throw damaged(`blob ${blob.id} has another length than the index says`);
  return plain;
}
