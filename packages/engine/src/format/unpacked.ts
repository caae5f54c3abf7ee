import { type Sealer, sha256Hex } from "../crypto/index.ts";
import { compress, decompress } from "./zstd.ts";

/** Largest plain form that is read into memory: old prunes left index files of 455 MB. */
export const maxUnpackedBytes = 512 * 1024 * 1024 - 1;

/**
 * How much of so many sealed bytes can come. What repeats in an index is its words; the 32 bytes of each id do not become fewer, and stand for
 * less than 200 characters: no index has a sixth of this. Small objects may be all words.
 */
const mostTimesSealed = 32;
const alwaysAllowedBytes = 16 * 1024 * 1024;

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
  const most = Math.min(maxBytes, Math.max(alwaysAllowedBytes, bytes.length * mostTimesSealed));
  return JSON.parse(unpack(payload.subarray(1), most).toString("utf8"));
}

function unpack(compressed: Uint8Array, most: number): Buffer {
  try {
    // What may come is mostly far more than what does, and V8 counts the memory: it would collect garbage for each of these objects.
    return decompress(compressed, most, Math.max(4 * compressed.length, 4096));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE")) throw error;
    throw new Error(`its ${compressed.length} bytes unpack to more than ${most}, as no program writes them`, { cause: error });
  }
}
