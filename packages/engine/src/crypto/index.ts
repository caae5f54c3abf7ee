export { defaultScryptCost, deriveKey, isAcceptableCost, type ScryptCost } from "./derive-key.ts";
export { randomBytes } from "./random-bytes.ts";
export { Sealer, type SealKey, sealOverheadBytes, TagMismatch } from "./seal.ts";
export { sha256Bytes, sha256Hex, sha256Stream } from "./sha256.ts";
