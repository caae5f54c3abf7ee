import type { SealKey } from "../crypto/index.ts";
import type { PackedBlob } from "../format/index.ts";

export interface OpeningThreadData {
  readonly masterKey: SealKey;
}

export type OpeningRequest =
  /** `bytes` holds the sealed blobs; each one's offset counts from its start. They are opened into `target`. Answered by `opened`. */
  | {
      readonly kind: "open";
      readonly job: number;
      readonly bytes: Uint8Array<SharedArrayBuffer>;
      readonly blobs: readonly PackedBlob[];
      readonly target: ArrayBufferLike;
    }
  /** A whole pack: every blob, its header and its name. Answered by `checked`. */
  | {
      readonly kind: "check";
      readonly job: number;
      readonly packId: string;
      readonly bytes: Uint8Array<SharedArrayBuffer>;
      readonly blobs: readonly PackedBlob[];
    };

export type OpeningAnswer =
  /**
   * Plain blobs one behind the other in `target`; a damaged one has length -1 and its reason in `damages`.
   */
  | {
      readonly kind: "opened";
      readonly job: number;
      readonly target: ArrayBufferLike;
      readonly lengths: Int32Array;
      readonly damages: readonly string[];
    }
  | {
      readonly kind: "checked";
      readonly job: number;
      readonly damages: readonly string[];
      /** Ids of those blobs that do not open to what their ids say. */
      readonly badBlobs: readonly string[];
    };
