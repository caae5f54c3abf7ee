import { createHash, type Hash, hash } from "node:crypto";

/** Lower-case hex SHA-256 of the bytes. */
export function sha256Hex(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}

/** The 32 bytes of it. */
export function sha256Bytes(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}

/** For streams: `update` any number of times, then `digest("hex")`. */
export function sha256Stream(): Hash {
  return createHash("sha256");
}
