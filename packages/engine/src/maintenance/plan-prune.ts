import { type Clock, LifeboatError, type ProgressListener } from "@lifeboat/model";
import { idOfName, objectPrefix } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";
import { findUsedBlobs } from "./find-used-blobs.ts";
import { judgePacks, sortPacks } from "./judge-packs.ts";
import { type LoadedIndex, loadIndexFiles } from "./load-index-files.ts";
import { createProgressReporter } from "./progress-reporter.ts";
import { type PrunePlan, registerPlan } from "./prune-plan.ts";

export interface PlanPruneOptions {
  /** Waste that may stay, as a part of the repository's size after the prune: 0 to 1, default 0.05. */
  readonly maxUnusedRatio?: number | undefined;
  /** Bytes of packs that are moved at most; default no limit. */
  readonly maxRepackBytes?: number | undefined;
  /** Ids of snapshots that are counted as forgotten already: makes a preview that cannot be executed. */
  readonly without?: ReadonlySet<string> | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
}

/** Few blobs in an index file; when there are many such files they are joined. */
const smallIndexBlobs = 5_000;
const manySmallIndexFiles = 10;

/**
 * What is to be removed. Only reads. The caller holds the exclusive lock from before this until after `executePrune`: a backup under
 * way has packs that no index names yet, and counts on blobs that no snapshot names yet.
 * Errors: `repository-damaged` when anything that a snapshot needs cannot be read or found; nothing is removed then.
 */
export async function planPrune(repository: Repository, options: PlanPruneOptions): Promise<PrunePlan> {
  const { signal, maxUnusedRatio = 0.05, maxRepackBytes = Number.POSITIVE_INFINITY } = options;
  if (!(maxUnusedRatio >= 0 && maxUnusedRatio <= 1)) {
    throw new LifeboatError("usage", `${maxUnusedRatio} is no part of the repository: it must be from 0 to 1`);
  }
  const reporter = createProgressReporter(options.clock, options.progress);
  const all = await repository.listSnapshots({ signal });
  const snapshots = all.filter(({ id }) => options.without?.has(id) !== true);
  const index = await loadIndexFiles(repository, { signal });
  const problem =
    index.damaged[0]?.detail ?? (index.conflicts[0] && `index files say different things of pack ${index.conflicts[0]}`);
  if (problem !== undefined) throw new LifeboatError("repository-damaged", `${problem}; nothing was removed`);
  const roots = snapshots.map(({ id, tree }) => ({ tree, snapshot: id }));
  const used = await findUsedBlobs(index.repository, roots, {
    signal,
    onTree: (blobs) => reporter.tell(() => ({ phase: `finding used blobs: ${blobs}` })),
  });
  const { present, unindexed } = await listPacks(index, signal);
  const judged = judgePacks(index, used, present);
  const sorted = sortPacks(index, judged, present, { maxUnusedRatio, maxRepackBytes });
  const gone = new Set([...sorted.remove, ...sorted.repack].map(({ id }) => id).concat(sorted.missing));
  const rewrite = indexFilesToRewrite(index, gone);
  let usedBytes = 0;
  let unusedBytes = 0;
  for (const pack of judged.packs.values()) {
    usedBytes += pack.usedBytes;
    unusedBytes += pack.unusedBytes;
  }
  const sum = (packs: readonly { readonly bytes: number }[]) => packs.reduce((bytes, pack) => bytes + pack.bytes, 0);
  const plan: PrunePlan = {
    url: repository.store.url,
    snapshots: snapshots.length,
    unindexed,
    remove: sorted.remove,
    repack: sorted.repack,
    keptPacks: sorted.keptPacks,
    missing: sorted.missing,
    rewrittenIndexFiles: rewrite.length,
    usedBlobs: used.size,
    usedBytes,
    unusedBytes,
    unusedBytesAfter: sorted.unusedBytesAfter,
    freedBytes: sum(unindexed) + sum(sorted.remove) + sorted.repack.reduce((bytes, pack) => bytes + pack.unusedBytes, 0),
    isPreview: snapshots.length < all.length,
  };
  return registerPlan(plan, {
    repository: index.repository,
    isUsed: (id, type) => used.has(id, type),
    usedCount: used.size,
    chosenPack: judged.chosenPack,
    gone,
    indexFiles: [...index.files.keys()].sort(),
    rewrite,
    snapshotIds: all.map(({ id }) => id).sort(),
  });
}

async function listPacks(
  { repository, packs }: LoadedIndex,
  signal: AbortSignal,
): Promise<{ present: Map<string, number>; unindexed: { id: string; bytes: number }[] }> {
  const present = new Map<string, number>();
  const unindexed: { id: string; bytes: number }[] = [];
  for await (const { name, size } of repository.store.list(objectPrefix("pack"), { signal })) {
    const id = idOfName(name);
    if (id === undefined) continue;
    if (packs.has(id)) present.set(id, size);
    else unindexed.push({ id, bytes: size });
  }
  return { present, unindexed };
}

/** Those that name a pack that goes or one that another file names too; small ones when there are many. */
function indexFilesToRewrite(index: LoadedIndex, gone: ReadonlySet<string>): string[] {
  const small = [...index.files].filter(([, { blobs }]) => blobs < smallIndexBlobs).map(([id]) => id);
  const joined = new Set(small.length >= manySmallIndexFiles ? small : []);
  return [...index.files]
    .filter(([id, { packs }]) => joined.has(id) || packs.some((pack) => gone.has(pack) || index.packs.get(pack)!.files > 1))
    .map(([id]) => id);
}
