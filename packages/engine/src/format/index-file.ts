import { isId } from "./object-names.ts";
import type { PackedBlob } from "./pack-header.ts";

export interface IndexedPack {
  readonly id: string;
  readonly blobs: readonly PackedBlob[];
}

/** restic closes an index at this many blobs; the files stay under about 8 MiB. */
export const maxBlobsPerIndex = 50_000;

export function encodeIndex(packs: readonly IndexedPack[]): string {
  const packTexts = packs.map(({ id, blobs }) => {
    const blobTexts = blobs.map((blob) => {
      const plain = blob.uncompressedLength === 0 ? "" : `,"uncompressed_length":${blob.uncompressedLength}`;
      return `{"id":"${blob.id}","type":"${blob.type}","offset":${blob.offset},"length":${blob.length}${plain}}`;
    });
    return `{"id":"${id}","blobs":[${blobTexts.join(",")}]}`;
  });
  return `{"packs":[${packTexts.join(",")}]}`;
}

const uint32 = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 32;

/** Throws an Error with the reason. rustic's `packs_to_delete` is garbage that waits: its blobs do not exist. */
export function decodeIndex(json: unknown): IndexedPack[] {
  const packs = (json as { packs?: unknown } | null)?.packs;
  if (packs === null || packs === undefined) return [];
  if (!Array.isArray(packs)) throw new Error("'packs' is not an array");
  return packs.map((pack: { id?: unknown; blobs?: unknown }) => {
    if (typeof pack?.id !== "string" || !isId(pack.id) || !Array.isArray(pack.blobs)) throw new Error("bad pack in index");
    return { id: pack.id, blobs: pack.blobs.map(decodeBlob) };
  });
}

function decodeBlob(raw: {
  id?: unknown;
  type?: unknown;
  offset?: unknown;
  length?: unknown;
  uncompressed_length?: unknown;
}): PackedBlob {
  const { id, type, offset, length, uncompressed_length: plain = 0 } = raw;
  if (
    typeof id !== "string" ||
    !isId(id) ||
    (type !== "data" && type !== "tree") ||
    !uint32(offset) ||
    !uint32(length) ||
    !uint32(plain)
  ) {
    throw new Error("bad blob in index");
  }
  return { id, type, offset, length, uncompressedLength: plain };
}
