import type { SealKey } from "../crypto/index.ts";
import type { BlobCodec } from "./blob-codec.ts";
import { loadNativeCodec, NativeBlobCodec } from "./native-blob-codec.ts";
import { PortableBlobCodec } from "./portable-blob-codec.ts";

/** The compiled one where it is there. */
export function createBlobCodec(key: SealKey): BlobCodec {
  const native = loadNativeCodec();
  return native === undefined ? new PortableBlobCodec(key) : new NativeBlobCodec(native, key);
}

/** Whether this machine has the compiled one. */
export function nativeSealingInUse(): boolean {
  return loadNativeCodec() !== undefined;
}
