import { type Sealer, sha256Hex } from "../crypto/index.ts";
import { compress, decompress } from "./zstd.ts";

/** Largest plain form that is read into memory: old prunes left index files of 455 MB. */
export const maxUnpackedBytes = 512 * 1024 * 1024 - 1;

/** JSON -> sealed file and its name, for index, snapshot, lock and side objects (repository-format 1.6). */
export function encodeUnpacked(sealer: Sealer, json: string): { id: string; bytes: Buffer } {
  const compressed = compress(Buffer.from(json, "utf8"));
  const payload = Buffer.allocUnsafe(compressed.length + 1);
  payload[0] = 2;
  payload.set(compressed, 1);
  const bytes = sealer.seal(payload);
  return { id: sha256Hex(bytes), bytes };
}

/** Throws TagMismatch or an Error with the reason, also for a plain form of more than `maxBytes`. */
export function decodeUnpacked(sealer: Sealer, bytes: Uint8Array, maxBytes = maxUnpackedBytes): unknown {
  const payload = sealer.open(bytes);
  const first = payload[0];
  if (first === 0x7b || first === 0x5b) return JSON.parse(payload.toString("utf8"));
  if (first !== 2) throw new Error(`unsupported encoding ${first ?? "(empty)"}`);
  return JSON.parse(decompress(payload.subarray(1), maxBytes).toString("utf8"));
}
