import { displayName, LifeboatError } from "@lifeboat/model";
import { BlobIndex } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import { walkTrees } from "./walk-trees.ts";

/**
 * Every blob that the snapshots need, as an index in which they are claimed. Throws `repository-damaged` when one of them cannot be
 * read or is in no index: what is not understood is never removed.
 */
export async function findUsedBlobs(
  repository: Repository,
  roots: readonly { readonly tree: string; readonly snapshot: string }[],
  options: { readonly signal: AbortSignal; readonly onTree?: (used: number) => void },
): Promise<BlobIndex> {
  const used = new BlobIndex();
  await walkTrees({
    repository,
    roots,
    visited: used,
    signal: options.signal,
    onTree: (place, nodes) => {
      for (const { type, name, content, subtree } of nodes) {
        const isWhole = type === "file" ? content !== undefined : type !== "dir" || subtree !== undefined;
        if (!isWhole)
          throw lost(repository, place.snapshot, `${place.path}/${name}`, `names no ${type === "dir" ? "subtree" : "blobs"}`);
        for (const id of content ?? []) {
          if (!used.claim(id, "data")) continue;
          if (!repository.index.has(id, "data"))
            throw lost(repository, place.snapshot, `${place.path}/${name}`, `needs blob ${id}, which is in no index`);
        }
      }
      options.onTree?.(used.size);
    },
  });
  return used;
}

function lost(repository: Repository, snapshot: string, path: string, what: string): LifeboatError {
  const name = displayName(path as Parameters<typeof displayName>[0]);
  return new LifeboatError(
    "repository-damaged",
    `${name} of snapshot ${snapshot} in ${repository.store.url} ${what}; nothing was removed`,
    {
      context: { snapshot },
    },
  );
}
