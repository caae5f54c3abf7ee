import { type SealKey, TagMismatch } from "../crypto/index.ts";
import { type BlobType, chooseCompression } from "../format/index.ts";
import { loadNativePart } from "../native/load-native-part.ts";
import type { Beside, BlobCodec, PackHash, SealedBlob, StoredBlob } from "./blob-codec.ts";
import { plainLengthOf } from "./plain-length.ts";

/** `native/blob-codec.c`; each function is explained there. */
interface NativePart {
  readonly version?: number;
  createCodec(encrypt: Uint8Array, macK: Uint8Array, macR: Uint8Array): object;
  createPackHash(): object;
  finishPackHash(codec: object, packHash: object, bytes: Uint8Array, id: Uint8Array): void;
  forgetPackHash(packHash: object): void;
  hash(
    codec: object,
    bytes: Uint8Array,
    ranges: Uint32Array,
    ids: Uint8Array,
    packHash: object | undefined,
    pack: Uint8Array | undefined,
  ): void;
  compressedBytes(codec: object, bytes: Uint8Array, at: number, length: number, level: number): number;
  seal(
    codec: object,
    target: Uint8Array,
    at: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    level: number,
    always: boolean,
  ): number;
  open(
    codec: object,
    sealed: Uint8Array,
    at: number,
    length: number,
    uncompressedBytes: number,
    id: Uint8Array,
    target: Uint8Array | undefined,
    targetAt: number,
    packHash: object | undefined,
    pack: Uint8Array | undefined,
  ): number;
}

/** `interface_version` there. */
const interfaceVersion = 2;

/** One that was compiled for an older Lifeboat, and could not be compiled anew, is as good as none. */
export function loadNativeCodec(load = loadNativePart): NativePart | undefined {
  const native = load("blob-codec") as NativePart | undefined;
  return native?.version === interfaceVersion ? native : undefined;
}

class NativePackHash implements PackHash {
  readonly handle: object;
  readonly #native: NativePart;
  readonly #codec: object;

  constructor(native: NativePart, codec: object) {
    this.#native = native;
    this.#codec = codec;
    this.handle = native.createPackHash();
  }

  finish(bytes: Uint8Array): string {
    const id = Buffer.alloc(32);
    this.#native.finishPackHash(this.#codec, this.handle, bytes, id);
    return id.toString("hex");
  }

  forget(): void {
    this.#native.forgetPackHash(this.handle);
  }
}

/** One call a blob into compiled code: no objects and no memory of V8's for what happens in between. */
export class NativeBlobCodec implements BlobCodec {
  readonly isNative = true;
  readonly #native: NativePart;
  readonly #codec: object;
  readonly #id = Buffer.alloc(32);

  constructor(native: NativePart, key: SealKey) {
    this.#native = native;
    this.#codec = native.createCodec(key.encrypt, key.macK, key.macR);
  }

  createPackHash(): PackHash {
    return new NativePackHash(this.#native, this.#codec);
  }

  hash(bytes: Uint8Array, ranges: Uint32Array, beside?: Beside): Uint8Array {
    const ids = new Uint8Array((ranges.length / 2) * 32);
    this.#native.hash(this.#codec, bytes, ranges, ids, handleOf(beside), beside?.bytes);
    return ids;
  }

  seal(type: BlobType, plain: Uint8Array, target: Uint8Array, at: number): SealedBlob {
    const { level, always } = chooseCompression(type, plain.length, (start, length) =>
      this.#native.compressedBytes(this.#codec, plain, start, length, 1),
    );
    const length = this.#native.seal(this.#codec, target, at, plain, 0, plain.length, level, always);
    return { length: Math.abs(length), compressed: length < 0 };
  }

  open(blob: StoredBlob, sealed: Uint8Array): Buffer {
    const plain = Buffer.allocUnsafeSlow(plainLengthOf(blob, sealed.length));
    this.openInto(blob, sealed, plain, 0);
    return plain;
  }

  openInto(blob: StoredBlob, sealed: Uint8Array, target: Uint8Array, at: number): number {
    return this.#open(blob, sealed, target, at);
  }

  verify(blob: StoredBlob, sealed: Uint8Array, beside?: Beside): void {
    this.#open(blob, sealed, undefined, 0, beside);
  }

  #open(blob: StoredBlob, sealed: Uint8Array, target: Uint8Array | undefined, at: number, beside?: Beside): number {
    plainLengthOf(blob, sealed.length);
    this.#id.write(blob.id, "hex");
    const { uncompressedLength } = blob;
    const pack = handleOf(beside);
    const length = this.#native.open(
      this.#codec,
      sealed,
      0,
      sealed.length,
      uncompressedLength,
      this.#id,
      target,
      at,
      pack,
      beside?.bytes,
    );
    if (length >= 0) return length;
    if (length === -1) throw new TagMismatch();
    if (length === -2) throw new Error("its compressed form is damaged, or longer than the index says");
    if (length === -3) throw new Error(`blob ${blob.id} has another length than the index says`);
    throw new Error(`blob ${blob.id} has another hash`);
  }
}

/** One of another codec's kind is hashed when it is finished. */
function handleOf(beside: Beside | undefined): object | undefined {
  return beside?.hash instanceof NativePackHash ? beside.hash.handle : undefined;
}
