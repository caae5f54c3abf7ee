import { scrypt } from "node:crypto";
import type { SealKey } from "./seal.ts";

/** Cost of scrypt (RFC 7914) as written in the key file. */
export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/**
 * 32 MiB of memory and about 0.4 s of a core, once a command: what OWASP's Password Storage Cheat Sheet asks of scrypt, and what restic's
 * calibration (half a second) ends with on such machines.
 */
export const defaultScryptCost: ScryptCost = { N: 32768, r: 8, p: 3 };

/**
 * Memory and time are bounded, so that a hostile key file cannot take the machine: 256 MiB, and as much work as 40 of our own keys cost
 * (some 15 s). restic's calibration and rustic's default need a sixteenth of it.
 */
export function isAcceptableCost({ N, r, p }: ScryptCost): boolean {
  const whole = [N, r, p].every((value) => Number.isSafeInteger(value) && value > 0);
  return whole && N > 1 && Number.isInteger(Math.log2(N)) && 128 * N * r <= 2 ** 28 && N * r * p <= 2 ** 25;
}

/** password + salt -> the key that opens the key file's `data` (repository-format 1.3). */
export function deriveKey(password: string, salt: Uint8Array, cost: ScryptCost): Promise<SealKey> {
  const { promise, resolve, reject } = Promise.withResolvers<SealKey>();
  // Node's default limit of 32 MiB refuses restic's usual cost: pass what the cost needs.
  const maxmem = 128 * cost.N * cost.r + 128 * cost.r * cost.p + 2 ** 20;
  scrypt(Buffer.from(password, "utf8"), salt, 64, { N: cost.N, r: cost.r, p: cost.p, maxmem }, (error, bytes) => {
    if (error) reject(error);
    else resolve({ encrypt: bytes.subarray(0, 32), macK: bytes.subarray(32, 48), macR: bytes.subarray(48, 64) });
  });
  return promise;
}
