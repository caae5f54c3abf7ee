import { messageOf } from "@lifeboat/model";
import type { Beside, BlobCodec, PackHash, SealedBlob } from "../blob-codec/index.ts";
import { type Sealer, sealOverheadBytes, sha256Hex } from "../crypto/index.ts";
import {
  type BlobType,
  compressBound,
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
  /** The pack is `buffer[0, length)`. Whoever has the pack has the memory, until it gives it back. */
  readonly buffer: SharedArrayBuffer;
  readonly length: number;
  readonly blobs: readonly PackedBlob[];
}

/** Sealed blobs without a header yet: what is left when a backup ends. */
export interface PackRemainder {
  readonly type: BlobType;
  readonly buffer: SharedArrayBuffer;
  readonly length: number;
  readonly blobs: readonly PackedBlob[];
}

const roomBytes = targetPackBytes + 9 * 1024 * 1024;
const headerRoom = 1024 * 1024;
/** Shared, so that V8 does not count it (docs/adr/0025). It goes round: there is never more of it than packs at one time. */
const createMemory = (bytes: number) => new SharedArrayBuffer(bytes);

/** One open pack of one type: blobs are compressed, sealed and verified in place. */
export class PackBuilder {
  readonly #codec: BlobCodec;
  readonly #sealer: Sealer;
  readonly #type: BlobType;
  readonly #hash: PackHash;
  #bytes: Uint8Array<SharedArrayBuffer> | undefined;
  #at = 0;
  #blobs: PackedBlob[] = [];
  /** Of the header so far, sealing and length field included. */
  #headerBytes = headerBytes([]);
  /** As many as are given back: the pool hands each buffer to the thread that has the fewest. */
  readonly #spare = new BufferPool(roomBytes, Infinity, createMemory);

  constructor(codec: BlobCodec, sealer: Sealer, type: BlobType) {
    this.#codec = codec;
    this.#sealer = sealer;
    this.#type = type;
    this.#hash = codec.createPackHash();
  }

  /** Memory of a pack that is stored by now. */
  giveBack(buffer: SharedArrayBuffer): void {
    this.#spare.give(buffer);
  }

  /** Adds a blob; gives a pack when one is full. Throws when the blob does not read back as it was: nothing is stored then. */
  add(id: string, plain: Uint8Array): SealedPack | undefined {
    const most = compressBound(plain.length) + sealOverheadBytes;
    const full = this.#bytes !== undefined && this.#at + most + this.#headerBytes + 41 > this.#bytes.length;
    const closed = full ? this.close() : undefined;
    const { length, compressed } = this.#seal(id, plain, most);
    const uncompressedLength = compressed ? plain.length : 0;
    this.#blobs.push({ id, type: this.#type, offset: this.#at, length, uncompressedLength });
    this.#at += length;
    this.#headerBytes += headerEntryBytes(uncompressedLength);
    const isFull = this.#at >= targetPackBytes || this.#headerBytes > headerRoom - 64;
    // Never two at once: a pack that is full right after another was closed is closed by the next blob, or as a remainder.
    return closed ?? (isFull ? this.close() : undefined);
  }

  /** Of the open pack so far, without a header. */
  get openBytes(): number {
    return this.#at;
  }

  /** The open pack so far: its hash is made beside those of the blobs that come next. */
  get beside(): Beside | undefined {
    return this.#bytes === undefined ? undefined : { hash: this.#hash, bytes: this.#bytes.subarray(0, this.#at) };
  }

  /** The open pack, finished; nothing when it is empty. */
  close(): SealedPack | undefined {
    const rest = this.#take();
    try {
      return rest === undefined ? undefined : finishPack(this.#sealer, rest, this.#hash);
    } finally {
      // Also when it fails: the next pack is another one.
      this.#hash.forget();
    }
  }

  takeRemainder(): PackRemainder | undefined {
    this.#hash.forget();
    return this.#take();
  }

  #take(): PackRemainder | undefined {
    if (this.#bytes === undefined) return undefined;
    const rest = { type: this.#type, buffer: this.#bytes.buffer, length: this.#at, blobs: this.#blobs };
    this.#bytes = undefined;
    this.#at = 0;
    this.#blobs = [];
    this.#headerBytes = headerBytes([]);
    return rest;
  }

  #seal(id: string, plain: Uint8Array, most: number): SealedBlob {
    this.#bytes ??= new Uint8Array(most + headerRoom > roomBytes ? createMemory(most + headerRoom) : this.#spare.take());
    try {
      return this.#codec.seal(this.#type, plain, this.#bytes, this.#at);
    } catch (error) {
      throw new Error(`blob ${id}: ${messageOf(error)}`, { cause: error });
    }
  }
}

/** Appends header and length field and names the pack by its hash, of which `hash` may know the beginning. */
export function finishPack(sealer: Sealer, rest: PackRemainder, hash?: PackHash): SealedPack {
  const header = encodePackHeader(rest.blobs);
  const length = rest.length + header.length + sealOverheadBytes + 4;
  const buffer = length <= rest.buffer.byteLength ? rest.buffer : copyInto(length, rest);
  const bytes = Buffer.from(buffer, 0, length);
  sealer.sealInto(bytes, rest.length, header);
  bytes.writeUInt32LE(header.length + sealOverheadBytes, length - 4);
  return { id: hash?.finish(bytes) ?? sha256Hex(bytes), buffer, length, blobs: rest.blobs };
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
    // Where the first one lies there is room for most: that memory goes round, other would be lost to it.
    const most = last.length + rest.length + headerBytes(last.blobs) + headerBytes(rest.blobs);
    const buffer = most <= last.buffer.byteLength ? last.buffer : copyInto(most, last);
    new Uint8Array(buffer).set(new Uint8Array(rest.buffer, 0, rest.length), last.length);
    const blobs = [...last.blobs, ...rest.blobs.map((blob) => ({ ...blob, offset: blob.offset + last.length }))];
    merged[merged.length - 1] = { type: rest.type, buffer, length: last.length + rest.length, blobs };
  }
  return merged;
}

function copyInto(bytes: number, rest: PackRemainder): SharedArrayBuffer {
  const buffer = createMemory(bytes);
  new Uint8Array(buffer).set(new Uint8Array(rest.buffer, 0, rest.length));
  return buffer;
}
