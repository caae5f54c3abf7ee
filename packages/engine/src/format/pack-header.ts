import { sealOverheadBytes } from "../crypto/index.ts";

export type BlobType = "data" | "tree";

/** Where a blob lies in its pack. */
export interface PackedBlob {
  readonly id: string;
  readonly type: BlobType;
  readonly offset: number;
  /** Sealed length in the pack. */
  readonly length: number;
  /** Plain length when compressed, 0 when stored as it is. */
  readonly uncompressedLength: number;
}

/** Bytes that one blob takes in the header: 37, or 41 when compressed (repository-format 1.8). */
export function headerEntryBytes(uncompressedLength: number): number {
  return uncompressedLength === 0 ? 37 : 41;
}

/** Sealed header and its length field. */
export function headerBytes(blobs: readonly { readonly uncompressedLength: number }[]): number {
  return blobs.reduce((sum, blob) => sum + headerEntryBytes(blob.uncompressedLength), sealOverheadBytes + 4);
}

/** Bytes of the whole pack that holds exactly these blobs; a pack of another size is damaged. */
export function packBytes(blobs: readonly PackedBlob[]): number {
  return blobs.reduce((sum, blob) => sum + blob.length, headerBytes(blobs));
}

export const maxHeaderBytes = 16 * 1024 * 1024;

/** The header's plain text, entries in the order of the blobs. */
export function encodePackHeader(blobs: readonly PackedBlob[]): Buffer {
  const header = Buffer.allocUnsafe(headerBytes(blobs) - sealOverheadBytes - 4);
  let at = 0;
  for (const blob of blobs) {
    const compressed = blob.uncompressedLength !== 0;
    header[at] = (blob.type === "tree" ? 1 : 0) + (compressed ? 2 : 0);
    header.writeUInt32LE(blob.length, at + 1);
    if (compressed) header.writeUInt32LE(blob.uncompressedLength, at + 5);
    at += compressed ? 9 : 5;
    header.write(blob.id, at, "hex");
    at += 32;
  }
  return header;
}

/** Reads the header's plain text. Throws an Error with the reason when it is damaged. */
export function decodePackHeader(header: Uint8Array): PackedBlob[] {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.length);
  const blobs: PackedBlob[] = [];
  let offset = 0;
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at]!;
    if (kind > 3) throw new Error(`unknown blob type ${kind} in the pack's header`);
    const compressed = kind >= 2;
    const entry = compressed ? 41 : 37;
    if (at + entry > bytes.length) throw new Error("the pack's header ends within an entry");
    const length = bytes.readUInt32LE(at + 1);
    if (length < sealOverheadBytes) throw new Error(`blob of ${length} bytes in the pack's header is too short`);
    blobs.push({
      id: bytes.toString("hex", at + entry - 32, at + entry),
      type: kind % 2 === 1 ? "tree" : "data",
      offset,
      length,
      uncompressedLength: compressed ? bytes.readUInt32LE(at + 5) : 0,
    });
    offset += length;
    at += entry;
  }
  return blobs;
}
