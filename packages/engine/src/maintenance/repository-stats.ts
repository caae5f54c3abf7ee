import { sealOverheadBytes } from "../crypto/index.ts";
import { idOfName, objectPrefix, type SideKind } from "../format/index.ts";
import { BlobIndex } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import { loadIndexFiles } from "./load-index-files.ts";

export interface RepositoryStats {
  readonly snapshots: number;
  readonly packs: number;
  /** Distinct ones. */
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  /** Of packs, also of those that no index names. */
  readonly storedBytes: number;
  /** Of distinct blobs, before compression. */
  readonly plainBytes: number;
  /** plainBytes / storedBytes; 1 for an empty repository. */
  readonly compressionRatio: number;
  readonly indexFiles: number;
  readonly locks: number;
  readonly sideObjects: Readonly<Record<SideKind, number>>;
}

const sideKinds: readonly SideKind[] = ["run", "facts", "config", "checkpoint", "evidence"];

/** Counted anew; a damaged index file counts as a file without blobs. */
export async function repositoryStats(
  repository: Repository,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RepositoryStats> {
  const snapshots = (await repository.listIds("snapshot", options)).length;
  const index = await loadIndexFiles(repository, options);
  const blobs = { data: 0, tree: 0 };
  let plainBytes = 0;
  const seen = new BlobIndex();
  for (const { id, type, length, uncompressedLength } of index.repository.index.entries()) {
    if (!seen.claim(id, type)) continue;
    blobs[type]++;
    plainBytes += uncompressedLength === 0 ? length - sealOverheadBytes : uncompressedLength;
  }
  let packs = 0;
  let storedBytes = 0;
  for await (const { name, size } of repository.store.list(objectPrefix("pack"), options)) {
    if (idOfName(name) === undefined) continue;
    packs++;
    storedBytes += size;
  }
  const sideCounts = await Promise.all(sideKinds.map(async (kind) => [kind, (await repository.listSide(kind, options)).length]));
  return {
    snapshots,
    packs,
    dataBlobs: blobs.data,
    treeBlobs: blobs.tree,
    storedBytes,
    plainBytes,
    compressionRatio: storedBytes === 0 ? 1 : plainBytes / storedBytes,
    indexFiles: index.files.size + index.damaged.length,
    locks: (await repository.listIds("lock", options)).length,
    sideObjects: Object.fromEntries(sideCounts) as Record<SideKind, number>,
  };
}
