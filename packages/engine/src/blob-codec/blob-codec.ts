import type { BlobType, PackedBlob } from "../format/index.ts";

/** No restic-format tool makes larger blobs of file content; folders can be larger. */
export const maxPlainBytes = { data: 64 * 1024 * 1024, tree: 480 * 1024 * 1024 };

export interface SealedBlob {
  /** Bytes written, sealing included. */
  readonly length: number;
  readonly compressed: boolean;
}

/** What of an index entry is needed to open a blob. */
export type StoredBlob = Pick<PackedBlob, "id" | "type" | "uncompressedLength">;

/**
 * The hash of a pack, made along with those of blobs where the processor does two at once in little more time than one (docs/adr/0028). One
 * for each pack under way.
 */
export interface PackHash {
  /** The hash of all these bytes in hex: the pack, of which parts may have been hashed `Beside` blobs. Begins anew. */
  finish(bytes: Uint8Array): string;
  /** The pack is not finished here. */
  forget(): void;
}

/** A pack whose hash goes along: these bytes of it, from its first one, are there and stay as they are. */
export interface Beside {
  readonly hash: PackHash;
  readonly bytes: Uint8Array;
}

/**
 * Plain blobs to sealed ones and back: hash, zstd, seal and the verification of each (repository-format 1.5, 1.7). One for each thread
 * and key. Two implementations behave the same and read what the other wrote; the native one takes about a third of the time.
 */
export interface BlobCodec {
  /** Whether it is the compiled one. */
  readonly isNative: boolean;
  createPackHash(): PackHash;
  /** SHA-256 of each range (offset and length), 32 bytes a range. */
  hash(bytes: Uint8Array, ranges: Uint32Array, beside?: Beside): Uint8Array;
  /**
   * Writes the sealed blob into `target` at `at`, where `sealedBound(plain.length)` bytes must be free, and reads it back from there.
   * Throws when it does not read back as it was: encoders have had bugs and memory has flips (restic 0.16.0 and 0.16.3 stored
   * damaged blobs). Comparing with the plain bytes is as strong as hashing them again.
   */
  seal(type: BlobType, plain: Uint8Array, target: Uint8Array, at: number): SealedBlob;
  /** The plain bytes, in memory of their own. Throws TagMismatch or an Error with the reason unless they are what the id says. */
  open(blob: StoredBlob, sealed: Uint8Array): Buffer;
  /** The same, written into `target` at `at`, which must have room for them; gives their length. */
  openInto(blob: StoredBlob, sealed: Uint8Array, target: Uint8Array, at: number): number;
  /** The same without a result. Large blobs that are not compressed are never in memory as a whole. */
  verify(blob: StoredBlob, sealed: Uint8Array, beside?: Beside): void;
}
