import { decodeIndex, type IndexedPack, packBytes } from "../format/index.ts";
import { forEachLimited, type Repository } from "../repository/repository.ts";
import { isDamage } from "./walk-trees.ts";

/** What the index says of a pack as a whole. */
export interface PackFacts {
  /** Bytes that the pack must have. */
  readonly bytes: number;
  readonly blobs: number;
  readonly contents: "data" | "tree" | "mixed" | "empty";
  /** Holds folders as restic 0.13 and older stored them. */
  readonly hasPlainTrees: boolean;
  /** Index files that list it. */
  readonly files: number;
}

export interface IndexFile {
  readonly packs: readonly string[];
  readonly blobs: number;
}

export interface LoadedIndex {
  /** The same repository with all it knows read just now, independent of what the caller's knows. */
  readonly repository: Repository;
  readonly packs: ReadonlyMap<string, PackFacts>;
  readonly files: ReadonlyMap<string, IndexFile>;
  /** Index files that cannot be read. */
  readonly damaged: readonly { readonly id: string; readonly detail: string }[];
  /** Packs of which two index files say different things. */
  readonly conflicts: readonly string[];
}

/** The same repository without anything remembered. Shares the store: do not close it. */
export function forgetEverything(repository: Repository): Repository {
  return repository.forgetful();
}

/** Reads every index file; a damaged one is told, not thrown. A pack that several files list alike counts once. */
export async function loadIndexFiles(
  original: Repository,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<LoadedIndex> {
  const repository = forgetEverything(original);
  const packs = new Map<string, PackFacts & { readonly signature: string; files: number }>();
  const files = new Map<string, IndexFile>();
  const damaged: { id: string; detail: string }[] = [];
  const conflicts = new Set<string>();
  await forEachLimited(await repository.listIds("index", options), repository.store.connections, async (id) => {
    let indexed: IndexedPack[];
    try {
      indexed = await loadIndexFile(repository, id, options);
    } catch (error) {
      if (!isDamage(error)) throw error;
      damaged.push({ id, detail: error.message });
      return;
    }
    for (const pack of indexed) {
      const signature = signatureOf(pack);
      const known = packs.get(pack.id);
      if (known !== undefined) {
        known.files++;
        if (known.signature === signature) continue;
        conflicts.add(pack.id);
      } else packs.set(pack.id, { ...factsOf(pack), signature, files: 1 });
      repository.index.addPack(pack);
    }
    files.set(id, { packs: indexed.map((pack) => pack.id), blobs: indexed.reduce((sum, pack) => sum + pack.blobs.length, 0) });
  });
  return { repository, packs, files, damaged, conflicts: [...conflicts] };
}

/** Errors: `repository-damaged`, `object-missing` and the store's own. */
export async function loadIndexFile(
  repository: Repository,
  id: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<IndexedPack[]> {
  const json = await repository.loadUnpacked("index", id, options);
  try {
    return decodeIndex(json);
  } catch (error) {
    throw repository.damaged("index", id, error);
  }
}

function factsOf({ blobs }: IndexedPack): Omit<PackFacts, "files"> {
  const trees = blobs.filter(({ type }) => type === "tree");
  const contents = blobs.length === 0 ? "empty" : trees.length === 0 ? "data" : trees.length === blobs.length ? "tree" : "mixed";
  const hasPlainTrees = trees.some(({ uncompressedLength }) => uncompressedLength === 0);
  return { bytes: packBytes(blobs), blobs: blobs.length, contents, hasPlainTrees };
}

/** Equal for equal sets of entries in any order; short, because there is one for each pack. */
function signatureOf({ blobs }: IndexedPack): string {
  let first = 0;
  let second = 0;
  for (const { id, type, offset, length, uncompressedLength } of blobs) {
    let hash = Number.parseInt(id.slice(0, 8), 16) ^ (type === "tree" ? 0x55555555 : 0);
    for (const part of [Number.parseInt(id.slice(8, 16), 16), offset, length, uncompressedLength]) {
      hash = Math.imul(hash ^ (hash >>> 15) ^ part, 0x2c1b3c6d);
    }
    first = (first + hash) | 0;
    second = (second + Math.imul(hash, hash | 1)) | 0;
  }
  return `${blobs.length}:${first}:${second}`;
}
