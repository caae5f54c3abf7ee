import { randomBytes as nodeRandomBytes } from "node:crypto";

/** From the system's generator: keys, ids, nonces. */
export function randomBytes(count: number): Buffer {
  return nodeRandomBytes(count);
}
