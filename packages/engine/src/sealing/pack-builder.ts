import { type Sealer, sealOverheadBytes, sha256Hex } from "../crypto/index.ts";
import {
  type BlobType,
  compressData,
  compressTree,
  decompress,
  encodePackHeader,
  headerBytes,
  headerEntryBytes,
  type PackedBlob,
} from "../format/index.ts";
import { BufferPool } from "./buffer-pool.ts";

/** A pack is closed when it has reached this size; it overshoots by up to one blob. restic's own default. */
export const targetPackBytes = 16 * 1024 * 1024;

/** A finished pack: its bytes and what an index says of it. */
export interface SealedPack {
  readonly id: string;
  /** The pack is `buffer[0, length)`. */
  readonly buffer: ArrayBuffer;
  readonly length: number;
  readonly blobs: readonly PackedBlob[];
}

/** Sealed blobs without a header yet: what is left when a backup ends. */
export interface PackRemainder {
  readonly type: BlobType;
  readonly buffer: ArrayBuffer;
  readonly length: number;
  readonly blobs: readonly PackedBlob[];
}

const roomBytes = targetPackBytes + 9 * 1024 * 1024;
const headerRoom = 1024 * 1024;

/** One open pack of one type: blobs are compressed, sealed and verified in place. */
export class PackBuilder {
  readonly #sealer: Sealer;
  readonly #type: BlobType;
  #buffer: ArrayBuffer | undefined;
  #at = 0;
  #blobs: PackedBlob[] = [];
  /** Of the header so far, sealing and length field included. */
  #headerBytes = headerBytes([]);
  readonly #spare = new BufferPool(roomBytes, 1);

  constructor(sealer: Sealer, type: BlobType) {
    this.#sealer = sealer;
    this.#type = type;
  }

  /** Memory of a pack that is stored by now. */
  giveBack(buffer: ArrayBuffer): void {
    this.#spare.give(buffer);
  }

  /** Adds a blob; yields a pack when one is full. Throws when the blob does not read back as it was: nothing is stored then. */
  *add(id: string, plain: Uint8Array): Generator<SealedPack> {
    const compressed = this.#type === "tree" ? compressTree(plain) : compressData(plain);
    const payload = compressed ?? plain;
    const length = payload.length + sealOverheadBytes;
    if (this.#buffer !== undefined && this.#at + length + this.#headerBytes + 41 > this.#buffer.byteLength) yield* this.close();
    this.#buffer ??= length + headerRoom > roomBytes ? new ArrayBuffer(length + headerRoom) : this.#spare.take();
    const sealed = new Uint8Array(this.#buffer, this.#at, length);
    this.#sealer.sealInto(sealed, 0, payload);
    this.#verify(id, sealed, plain, compressed !== undefined);
    this.#blobs.push({
      id,
      type: this.#type,
      offset: this.#at,
      length,
      uncompressedLength: compressed === undefined ? 0 : plain.length,
    });
    this.#at += length;
    this.#headerBytes += headerEntryBytes(compressed === undefined ? 0 : plain.length);
    if (this.#at >= targetPackBytes || this.#headerBytes > headerRoom - 64) yield* this.close();
  }

  /** The open pack, finished; nothing when it is empty. */
  *close(): Generator<SealedPack> {
    const rest = this.takeRemainder();
    if (rest !== undefined) yield finishPack(this.#sealer, rest);
  }

  takeRemainder(): PackRemainder | undefined {
    if (this.#buffer === undefined) return undefined;
    const rest = { type: this.#type, buffer: this.#buffer, length: this.#at, blobs: this.#blobs };
    this.#buffer = undefined;
    this.#at = 0;
    this.#blobs = [];
    this.#headerBytes = headerBytes([]);
    return rest;
  }

  /**
   * Reads the blob back from the very bytes that will be stored. Encoders have had bugs and memory has flips
   * (restic 0.16.0 and 0.16.3 stored damaged blobs); comparing with the plain bytes is as strong as hashing them again.
   */
  #verify(id: string, sealed: Uint8Array, plain: Uint8Array, compressed: boolean): void {
    const same = compressed
      ? Buffer.compare(decompress(this.#sealer.open(sealed), plain.length), plain) === 0
      : this.#readsBack(sealed, plain);
    if (!same) throw new Error(`blob ${id} does not read back as it was: faulty memory or encoder`);
  }

  #readsBack(sealed: Uint8Array, plain: Uint8Array): boolean {
    let at = 0;
    for (const part of this.#sealer.openParts(sealed)) {
      if (Buffer.compare(part, plain.subarray(at, at + part.length)) !== 0) return false;
      at += part.length;
    }
    return at === plain.length;
  }
}

/** Appends header and length field and names the pack by its hash. */
export function finishPack(sealer: Sealer, rest: PackRemainder): SealedPack {
  const header = encodePackHeader(rest.blobs);
  const length = rest.length + header.length + sealOverheadBytes + 4;
  const buffer = length <= rest.buffer.byteLength ? rest.buffer : copyInto(length, rest);
  const bytes = Buffer.from(buffer, 0, length);
  sealer.sealInto(bytes, rest.length, header);
  bytes.writeUInt32LE(header.length + sealOverheadBytes, length - 4);
  return { id: sha256Hex(bytes), buffer, length, blobs: rest.blobs };
}

/** Joins leftovers of one type into as few packs as their size allows. */
export function mergeRemainders(rests: readonly PackRemainder[]): PackRemainder[] {
  const merged: PackRemainder[] = [];
  for (const rest of rests) {
    const last = merged.at(-1);
    if (last === undefined || last.type !== rest.type || last.length + rest.length > targetPackBytes * 1.5) {
      merged.push(rest);
      continue;
    }
    const buffer = copyInto(last.length + rest.length + headerBytes(last.blobs) + headerBytes(rest.blobs), last);
    new Uint8Array(buffer).set(new Uint8Array(rest.buffer, 0, rest.length), last.length);
    const blobs = [...last.blobs, ...rest.blobs.map((blob) => ({ ...blob, offset: blob.offset + last.length }))];
    merged[merged.length - 1] = { type: rest.type, buffer, length: last.length + rest.length, blobs };
  }
  return merged;
}

function copyInto(bytes: number, rest: PackRemainder): ArrayBuffer {
  const buffer = new ArrayBuffer(bytes);
  new Uint8Array(buffer).set(new Uint8Array(rest.buffer, 0, rest.length));
  return buffer;
}
