import { sealOverheadBytes, sha256Hex } from "../crypto/index.ts";
import { type BlobType, compress, encodeIndex, encodePackHeader, objectName, type PackedBlob } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";

export interface HostileBlob {
  readonly type: BlobType;
  readonly plain: Uint8Array;
  /** What lies in the pack instead of the compressed plain bytes. */
  readonly payload?: Uint8Array;
  /** What the index says instead of the truth. */
  readonly lie?: Partial<PackedBlob>;
}

/** Stores one pack as the real key seals it, and an index that says of its blobs what the attacker wants; gives their ids. */
export async function saveHostilePack(repository: Repository, blobs: readonly HostileBlob[]): Promise<string[]> {
  const packed: PackedBlob[] = [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const { type, plain, payload = compress(plain) } of blobs) {
    const sealed = sealOf(repository, payload);
    packed.push({ id: sha256Hex(plain), type, offset, length: sealed.length, uncompressedLength: plain.length });
    parts.push(sealed);
    offset += sealed.length;
  }
  const header = sealOf(repository, encodePackHeader(packed));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const pack = Buffer.concat([...parts, header, length]);
  const id = sha256Hex(pack);
  await repository.store.put(objectName("pack", id), pack, { sha256: id });
  const told = packed.map((blob, at) => ({ ...blob, ...blobs[at]!.lie }));
  await repository.saveUnpacked("index", encodeIndex([{ id, blobs: told }]));
  return packed.map((blob) => blob.id);
}

function sealOf(repository: Repository, payload: Uint8Array): Buffer {
  const sealed = Buffer.alloc(payload.length + sealOverheadBytes);
  repository.sealer.sealInto(sealed, 0, payload);
  return sealed;
}
