import { createRequire } from "node:module";

/**
 * Whether ssh2's compiled part is loaded. Built for another Node it fails silently, and every byte then costs three times
 * the CPU.
 */
export function nativeCryptoInUse(): boolean {
  try {
    const crypto: { bindingAvailable?: unknown } = createRequire(import.meta.url)("ssh2/lib/protocol/crypto.js");
    return crypto.bindingAvailable === true;
  } catch {
    return false;
  }
}
