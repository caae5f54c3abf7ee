import { LifeboatError, messageOf } from "@lifeboat/model";
import { sealOverheadBytes, TagMismatch } from "../crypto/index.ts";
import { decodePackHeader, type IndexedPack, maxHeaderBytes, objectName, packBytes } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";

/** Read at once from the end of a pack: the header of nearly every pack fits. */
const tailBytes = 16 * 1024;
const lengthBytes = 4;

/**
 * What a pack holds, from its own header, in one or two reads. `bytes`: its size as listed.
 * Errors: `repository-damaged` with the reason for one that has no sound header or another size than its blobs make; the store's.
 */
export async function readPackHeader(
  repository: Repository,
  id: string,
  bytes: number,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<IndexedPack> {
  const damaged = (reason: string) => repository.damaged("pack", id, reason);
  const read = async (fromEnd: number) => {
    const got = await repository.store.get(objectName("pack", id), { offset: bytes - fromEnd, length: fromEnd, ...options });
    return Buffer.from(got.buffer, got.byteOffset, got.length);
  };
  if (bytes < lengthBytes + sealOverheadBytes) throw damaged(`${bytes} bytes are too few for a pack`);
  let tail = await read(Math.min(bytes, tailBytes));
  const sealed = tail.readUInt32LE(tail.length - lengthBytes);
  // The length is not sealed: whoever writes to the store may say anything.
  if (sealed < sealOverheadBytes || sealed > maxHeaderBytes || sealed + lengthBytes > bytes) {
    throw damaged(`its header cannot have ${sealed} bytes`);
  }
  if (sealed + lengthBytes > tail.length) tail = await read(sealed + lengthBytes);
  const end = tail.length - lengthBytes;
  try {
    const blobs = decodePackHeader(repository.sealer.open(tail.subarray(end - sealed, end)));
    if (packBytes(blobs) !== bytes) throw new Error(`it has ${bytes} bytes, its blobs make ${packBytes(blobs)}`);
    return { id, blobs };
  } catch (error) {
    if (error instanceof LifeboatError) throw error;
    throw damaged(error instanceof TagMismatch ? "its header does not open" : messageOf(error));
  }
}
