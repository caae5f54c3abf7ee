import { createRequire } from "node:module";
import { type SealKey, TagMismatch } from "../crypto/index.ts";
import { type BlobType, chooseCompression } from "../format/index.ts";
import type { BlobCodec, SealedBlob, StoredBlob } from "./blob-codec.ts";
import { plainLengthOf } from "./plain-length.ts";

/** `native/blob-codec.c`; each function is explained there. */
interface NativePart {
  createCodec(encrypt: Uint8Array, macK: Uint8Array, macR: Uint8Array): object;
  hash(codec: object, bytes: Uint8Array, ranges: Uint32Array, ids: Uint8Array): void;
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
  ): number;
}

/** The compiled part, where set-up could build it; undefined where it is missing or made for another machine. */
export function loadNativePart(): NativePart | undefined {
  try {
    return createRequire(import.meta.url)("../../native/build/blob-codec.node") as NativePart;
  } catch {
    return undefined;
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

  hash(bytes: Uint8Array, ranges: Uint32Array): Uint8Array {
    const ids = new Uint8Array((ranges.length / 2) * 32);
    this.#native.hash(this.#codec, bytes, ranges, ids);
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

  verify(blob: StoredBlob, sealed: Uint8Array): void {
    this.#open(blob, sealed, undefined, 0);
  }

  #open(blob: StoredBlob, sealed: Uint8Array, target: Uint8Array | undefined, at: number): number {
    plainLengthOf(blob, sealed.length);
    this.#id.write(blob.id, "hex");
    const length = this.#native.open(this.#codec, sealed, 0, sealed.length, blob.uncompressedLength, this.#id, target, at);
    if (length >= 0) return length;
    if (length === -1) throw new TagMismatch();
    if (length === -2) throw new Error("its compressed form is damaged, or longer than the index says");
    if (length === -3) throw new Error(`blob ${blob.id} has another length than the index says`);
    throw new Error(`blob ${blob.id} has another hash`);
  }
}
