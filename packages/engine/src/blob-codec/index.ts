export type { BlobCodec, SealedBlob, StoredBlob } from "./blob-codec.ts";
export { createBlobCodec, nativeSealingInUse } from "./create-blob-codec.ts";
export { plainLengthOf } from "./plain-length.ts";
