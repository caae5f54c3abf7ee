import type { SealKey } from "../crypto/index.ts";
import type { BlobType } from "../format/index.ts";
import type { PackRemainder, SealedPack } from "./pack-builder.ts";

/** What a sealing thread is started with. The master key reaches it by memory, never by argument or environment. */
export interface SealingThreadData {
  readonly masterKey: SealKey;
  readonly polynomial: string;
}

/** Several blobs in one buffer: `ranges` holds offset and length, one pair a blob. */
export interface BlobBatch {
  readonly buffer: ArrayBuffer;
  readonly ranges: Uint32Array;
}

export type SealingRequest =
  /** Hash the blobs and keep them; answered by `hashed`. */
  | ({ readonly kind: "hash"; readonly job: number } & BlobBatch)
  /** Seal those blobs of a hashed job whose byte in `wanted` is 1; answered by `sealed`. */
  | { readonly kind: "seal"; readonly job: number; readonly wanted: Uint8Array }
  /** Seal blobs whose ids are known; answered by `sealed`. */
  | ({ readonly kind: "sealKnown"; readonly job: number; readonly type: BlobType; readonly ids: readonly string[] } & BlobBatch)
  /** The next bytes of a stream; answered by `chunked`. `last` ends it; `settle` tells whether they end at a cut. */
  | {
      readonly kind: "chunk";
      readonly stream: number;
      readonly bytes: ArrayBuffer;
      readonly length: number;
      readonly last: boolean;
      readonly settle: boolean;
      /** Memory for chunks. */
      readonly spares: readonly ArrayBuffer[];
    }
  | { readonly kind: "drop"; readonly stream: number }
  /** The memory of a pack that is stored: it can be filled again. */
  | { readonly kind: "spare"; readonly type: BlobType; readonly buffer: SharedArrayBuffer }
  /**
   * Answered by `flushed` with what is left in the open packs; those with `closeFromBytes` and more are finished here and come as `pack`
   * before that.
   */
  | { readonly kind: "flush"; readonly job: number; readonly closeFromBytes: number };

export type SealingAnswer =
  | { readonly kind: "hashed"; readonly job: number; readonly ids: Uint8Array }
  /** `buffer` goes back to who gave it. */
  | { readonly kind: "sealed"; readonly job: number; readonly buffer: ArrayBuffer }
  | {
      readonly kind: "chunked";
      readonly stream: number;
      readonly chunks: readonly Uint8Array[];
      readonly consumed: number;
      readonly buffer: ArrayBuffer;
      readonly last: boolean;
    }
  | { readonly kind: "pack"; readonly type: BlobType; readonly pack: SealedPack }
  | { readonly kind: "flushed"; readonly job: number; readonly rests: readonly PackRemainder[] }
  | { readonly kind: "failed"; readonly message: string };
