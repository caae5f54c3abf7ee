export { type BlobCodec, maxPlainBytes, type SealedBlob, type StoredBlob } from "./blob-codec.ts";
export { createBlobCodec, nativeSealingInUse } from "./create-blob-codec.ts";
export { plainLengthOf } from "./plain-length.ts";
