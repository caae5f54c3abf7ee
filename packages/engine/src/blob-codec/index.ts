export { type Beside, type BlobCodec, maxPlainBytes, type PackHash, type SealedBlob, type StoredBlob } from "./blob-codec.ts";
export { createBlobCodec, nativeSealingInUse } from "./create-blob-codec.ts";
export { plainLengthOf } from "./plain-length.ts";
