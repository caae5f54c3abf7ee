import { LifeboatError } from "@lifeboat/model";
import { headerEntryBytes } from "../format/index.ts";
import { BlobIndex, type BlobLocation } from "../repository/blob-index.ts";
import type { LoadedIndex } from "./load-index-files.ts";
import { keyOfBlob, type PrunePack } from "./prune-plan.ts";

export interface JudgedPack {
  usedBlobs: number;
  usedBytes: number;
  unusedBlobs: number;
  unusedBytes: number;
}

export interface JudgedPacks {
  readonly packs: ReadonlyMap<string, JudgedPack>;
  /** Of blobs with several copies, where the one lies that counts as used. */
  readonly chosenPack: ReadonlyMap<string, string>;
}

/** Counts for each pack what of it is used. Of several copies one counts, where possible in a pack that is needed anyway. */
export function judgePacks(index: LoadedIndex, used: BlobIndex, present: ReadonlyMap<string, number>): JudgedPacks {
  const blobs = index.repository.index;
  const packs = new Map<string, JudgedPack>();
  for (const id of index.packs.keys()) packs.set(id, { usedBlobs: 0, usedBytes: 0, unusedBlobs: 0, unusedBytes: 0 });
  const seen = new BlobIndex();
  const several = new Map<string, BlobLocation>();
  for (const blob of blobs.entries()) {
    if (used.has(blob.id, blob.type) && !seen.claim(blob.id, blob.type)) several.set(keyOfBlob(blob.id, blob.type), blob);
  }
  for (const blob of blobs.entries()) {
    if (several.size > 0 && several.has(keyOfBlob(blob.id, blob.type))) continue;
    count(packs.get(blob.packId)!, blob, used.has(blob.id, blob.type));
  }
  const isSound = (id: string) => present.get(id) === index.packs.get(id)!.bytes;
  const chosenPack = new Map<string, string>();
  for (const [key, { id, type }] of several) {
    const copies = blobs.locateAll(id, type);
    const sound = copies.filter(({ packId }) => isSound(packId));
    const kept =
      sound.find(({ packId }) => packs.get(packId)!.usedBlobs > 0) ??
      // A pack of nothing but copies is what an interrupted prune wrote: it is the better packed one.
      sound.find(({ packId }) => packs.get(packId)!.unusedBlobs === 0) ??
      sound[0] ??
      copies[0]!;
    chosenPack.set(key, kept.packId);
    for (const copy of copies) count(packs.get(copy.packId)!, copy, copy === kept);
  }
  return { packs, chosenPack };
}

function count(pack: JudgedPack, blob: BlobLocation, isUsed: boolean): void {
  const bytes = blob.length + headerEntryBytes(blob.uncompressedLength);
  if (isUsed) {
    pack.usedBlobs++;
    pack.usedBytes += bytes;
  } else {
    pack.unusedBlobs++;
    pack.unusedBytes += bytes;
  }
}

/** Packs smaller than this are put together when there are many of them. */
const smallPackBytes = 4 * 1024 * 1024;
const manySmallPacks = 10;

export interface SortedPacks {
  readonly remove: PrunePack[];
  readonly repack: PrunePack[];
  readonly missing: string[];
  readonly keptPacks: number;
  readonly unusedBytesAfter: number;
}

/**
 * restic's rules: what holds nothing used goes; packs of folders are kept without waste, those of files only as far as the waste
 * exceeds its limit, the most wasteful first. Throws `repository-damaged` for a pack that is needed and is not as it should be.
 */
export function sortPacks(
  index: LoadedIndex,
  judged: JudgedPacks,
  present: ReadonlyMap<string, number>,
  limits: { readonly maxUnusedRatio: number; readonly maxRepackBytes: number },
): SortedPacks {
  const remove: PrunePack[] = [];
  const missing: string[] = [];
  const must: PrunePack[] = [];
  const wasteful: PrunePack[] = [];
  const small: Record<"data" | "tree", PrunePack[]> = { data: [], tree: [] };
  let keptPacks = 0;
  let usedBytes = 0;
  let unusedBytes = 0;
  for (const [id, pack] of judged.packs) {
    const facts = index.packs.get(id)!;
    const bytes = present.get(id);
    if (pack.usedBlobs === 0) {
      if (bytes === undefined) missing.push(id);
      else remove.push({ id, bytes, usedBytes: 0, unusedBytes: pack.unusedBytes });
      continue;
    }
    if (bytes !== facts.bytes) {
      const state = bytes === undefined ? "is not there" : `has ${bytes} bytes instead of ${facts.bytes}`;
      throw new LifeboatError("repository-damaged", `pack ${id} is needed and ${state}; nothing was removed`, {
        context: { pack: id },
      });
    }
    usedBytes += pack.usedBytes;
    unusedBytes += pack.unusedBytes;
    const entry = { id, bytes, usedBytes: pack.usedBytes, unusedBytes: pack.unusedBytes };
    if (facts.contents === "mixed" || facts.hasPlainTrees) must.push(entry);
    else if (pack.unusedBlobs > 0) (facts.contents === "tree" ? must : wasteful).push(entry);
    else if (bytes < smallPackBytes && facts.contents !== "empty") small[facts.contents].push(entry);
    else keptPacks++;
  }
  wasteful.sort((a, b) => b.unusedBytes / b.usedBytes - a.unusedBytes / a.usedBytes);
  const { maxUnusedRatio, maxRepackBytes } = limits;
  const maxUnusedBytes = maxUnusedRatio >= 1 ? Number.POSITIVE_INFINITY : (maxUnusedRatio / (1 - maxUnusedRatio)) * usedBytes;
  const repack: PrunePack[] = [];
  let repackBytes = 0;
  const consider = (pack: PrunePack, isWanted: boolean) => {
    if (!isWanted || repackBytes + pack.bytes > maxRepackBytes) {
      keptPacks++;
      return;
    }
    repack.push(pack);
    repackBytes += pack.bytes;
    unusedBytes -= pack.unusedBytes;
  };
  for (const pack of must) consider(pack, true);
  for (const packs of Object.values(small)) for (const pack of packs) consider(pack, packs.length >= manySmallPacks);
  for (const pack of wasteful) consider(pack, unusedBytes > maxUnusedBytes);
  return { remove, repack, missing, keptPacks, unusedBytesAfter: unusedBytes };
}
