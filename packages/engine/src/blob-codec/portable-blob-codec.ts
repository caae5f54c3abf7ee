import { Sealer, type SealKey, sealOverheadBytes, sha256Bytes, sha256Hex, sha256Stream } from "../crypto/index.ts";
import { type BlobType, chooseCompression, compress, decompress } from "../format/index.ts";
import type { BlobCodec, PackHash, SealedBlob, StoredBlob } from "./blob-codec.ts";
import { plainLengthOf } from "./plain-length.ts";
import { releaseMemory } from "./release-memory.ts";

/** Smaller blobs are not worth opening in parts. */
const manyPartsBytes = 128 * 1024;

/** With what Node has built in, and sodium: for machines without a compiler, and the measure of the compiled one. */
export class PortableBlobCodec implements BlobCodec {
  readonly isNative = false;
  readonly #sealer: Sealer;

  constructor(key: SealKey) {
    this.#sealer = new Sealer(key);
  }

  createPackHash(): PackHash {
    return { finish: sha256Hex, forget: () => undefined };
  }

  hash(bytes: Uint8Array, ranges: Uint32Array): Uint8Array {
    const ids = new Uint8Array((ranges.length / 2) * 32);
    for (let at = 0; at < ranges.length; at += 2) {
      ids.set(sha256Bytes(bytes.subarray(ranges[at]!, ranges[at]! + ranges[at + 1]!)), at * 16);
    }
    return ids;
  }

  seal(type: BlobType, plain: Uint8Array, target: Uint8Array, at: number): SealedBlob {
    const { level, always } = chooseCompression(
      type,
      plain.length,
      (start, length) => compress(plain.subarray(start, start + length), 1).length,
    );
    const compressed = level === 0 ? undefined : compress(plain, level);
    const isSmaller = compressed !== undefined && (always || compressed.length < plain.length);
    const payload = isSmaller ? compressed : plain;
    const sealed = target.subarray(at, at + payload.length + sealOverheadBytes);
    this.#sealer.sealInto(sealed, 0, payload);
    const same = isSmaller
      ? Buffer.compare(decompress(this.#sealer.open(sealed), plain.length), plain) === 0
      : this.#readsBack(sealed, plain);
    if (!same) throw new Error("it does not read back as it was: faulty memory or encoder");
    return { length: sealed.length, compressed: isSmaller };
  }

  open(blob: StoredBlob, sealed: Uint8Array): Buffer {
    const length = plainLengthOf(blob, sealed.length);
    const payload = this.#sealer.open(sealed);
    const plain = blob.uncompressedLength === 0 ? payload : decompress(payload, length);
    if (plain !== payload) releaseMemory(payload);
    if (plain.length !== length) throw new Error(`blob ${blob.id} has another length than the index says`);
    if (sha256Hex(plain) !== blob.id) throw new Error(`blob ${blob.id} has another hash`);
    return plain;
  }

  openInto(blob: StoredBlob, sealed: Uint8Array, target: Uint8Array, at: number): number {
    const plain = this.open(blob, sealed);
    target.set(plain, at);
    const { length } = plain;
    releaseMemory(plain);
    return length;
  }

  verify(blob: StoredBlob, sealed: Uint8Array): void {
    if (blob.uncompressedLength !== 0 || sealed.length < manyPartsBytes) {
      releaseMemory(this.open(blob, sealed));
      return;
    }
    plainLengthOf(blob, sealed.length);
    const hash = sha256Stream();
    for (const part of this.#sealer.openParts(sealed)) hash.update(part);
    if (hash.digest("hex") !== blob.id) throw new Error(`blob ${blob.id} has another hash`);
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
