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
      readonly bytes: Uint8Array;
      readonly blobs: readonly PackedBlob[];
      readonly target: ArrayBuffer;
    }
  /** A whole pack: every blob, its header and its name. Answered by `checked`, which gives the memory back. */
  | {
      readonly kind: "check";
      readonly job: number;
      readonly packId: string;
      readonly bytes: Uint8Array;
      readonly blobs: readonly PackedBlob[];
    };

export type OpeningAnswer =
  /**
   * Plain blobs one behind the other in `target`; a damaged one has length -1 and its reason in `damages`. The memory of the sealed ones
   * comes back as `buffer`.
   */
  | {
      readonly kind: "opened";
      readonly job: number;
      readonly target: ArrayBuffer;
      readonly buffer: ArrayBuffer;
      readonly lengths: Int32Array;
      readonly damages: readonly string[];
    }
  | {
      readonly kind: "checked";
      readonly job: number;
      readonly damages: readonly string[];
      /** Ids of those blobs that do not open to what their ids say. */
      readonly badBlobs: readonly string[];
      readonly buffer: ArrayBuffer;
    };
