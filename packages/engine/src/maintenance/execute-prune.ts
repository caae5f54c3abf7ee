import { type Clock, LifeboatError, type ProgressListener } from "@lifeboat/model";
import { objectName } from "../format/index.ts";
import { BlobIndex } from "../repository/blob-index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import { forEachLimited, type Repository } from "../repository/repository.ts";
import { BlobReader } from "../restorer/blob-reader.ts";
import { copyDataBlobs } from "./copy-data-blobs.ts";
import { forgetEverything } from "./load-index-files.ts";
import { createProgressReporter, type ProgressReporter } from "./progress-reporter.ts";
import { keyOfBlob, type PruneBasis, type PrunePlan, takeBasis } from "./prune-plan.ts";
import { rewriteIndexFiles } from "./rewrite-index-files.ts";

export interface ExecutePruneOptions {
  /** Called before anything goes that an index names, each time; throw to stop there. The lock is looked at here: moving takes hours. */
  readonly beforeRemove: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
}

export interface PruneResult {
  readonly deletedPacks: number;
  readonly deletedBytes: number;
  /** Bytes of new packs that hold what was moved. */
  readonly writtenBytes: number;
  readonly rewrittenIndexFiles: number;
  /** Packs that could not be deleted: no index names them any more, so the next prune does it. */
  readonly leftPacks: number;
  readonly leftBytes: number;
  /** Why the first of these could not be deleted. */
  readonly failure: LifeboatError | undefined;
}

/**
 * Does what the plan says, once. The order is what makes a kill harmless at any time:
 *
 * 1. packs that no index names are deleted: nobody misses them;
 * 2. used blobs move into new packs, then these get their index: killed here, blobs are there twice;
 * 3. index files without the old packs are written, then the files that they replace are deleted: killed here, some packs are
 *    named twice, or no longer named, but every pack that an index names is there;
 * 4. packs that no index names any more are deleted: killed here, the rest of them waits for step 1 of the next prune.
 *
 * The caller holds the exclusive lock since before the plan. Before the files of 3 and before the packs of 4 go it is asked for again, and the
 * store, whether a snapshot or an index file has come that the plan does not know. `lifeboat/` is never touched. What the given repository remembers of
 * its index is out of date afterwards: open it anew.
 * Errors: `usage` for a plan that was used, is a preview or is out of date; `repository-damaged` for a used blob that cannot be read.
 */
export async function executePrune(repository: Repository, plan: PrunePlan, options: ExecutePruneOptions): Promise<PruneResult> {
  const basis = takeBasis(plan);
  if (basis === undefined || basis.repository.config.id !== repository.config.id || plan.isPreview) {
    const why = basis === undefined ? "was used already" : plan.isPreview ? "is a preview" : "is one for another repository";
    throw new LifeboatError("usage", `the prune plan ${why}; nothing was removed`, { hint: "Make a new plan." });
  }
  const { signal } = options;
  const { indexFiles, rewrite } = basis;
  await refuseChanges(basis, indexFiles, "nothing was removed", signal);
  const reporter = createProgressReporter(options.clock, options.progress);
  const leftUnindexed = await deletePacks(basis.repository, plan.unindexed, signal, reporter);
  const moved = await movePacks(basis, plan, signal, reporter);
  requireAllUsed(basis, moved.target);
  const lookAgain = async (expected: readonly string[]) => {
    await options.beforeRemove();
    await refuseChanges(basis, expected, "no pack that an index named was removed", signal);
  };
  const stored = await rewriteIndexFiles(basis.repository, {
    files: rewrite,
    leaveOut: basis.gone,
    beforeDelete: (added) => lookAgain([...indexFiles, ...moved.indexFiles, ...added]),
    signal,
  });
  const gone = [...plan.remove, ...plan.repack];
  const replaced = new Set(rewrite);
  if (gone.length > 0) {
    await lookAgain([...indexFiles.filter((id) => !replaced.has(id)), ...moved.indexFiles, ...stored]);
  }
  const leftGone = await deletePacks(basis.repository, gone, signal, reporter);
  const all = [...plan.unindexed, ...gone];
  const leftBytes = leftUnindexed.bytes + leftGone.bytes;
  const leftPacks = leftUnindexed.packs + leftGone.packs;
  return {
    deletedPacks: all.length - leftPacks,
    deletedBytes: all.reduce((bytes, pack) => bytes + pack.bytes, 0) - leftBytes,
    writtenBytes: moved.bytes,
    rewrittenIndexFiles: basis.rewrite.length,
    leftPacks,
    leftBytes,
    failure: leftUnindexed.failure ?? leftGone.failure,
  };
}

/** The lock should forbid this; a lock that was removed by force must not cost a snapshot. */
async function refuseChanges(
  { repository, snapshotIds }: PruneBasis,
  indexFiles: readonly string[],
  state: string,
  signal: AbortSignal,
): Promise<void> {
  const same = async (kind: "snapshot" | "index", ids: readonly string[]) =>
    (await repository.listIds(kind, { signal })).sort().join() === [...ids].sort().join();
  if ((await same("snapshot", snapshotIds)) && (await same("index", indexFiles))) return;
  throw new LifeboatError("usage", `${repository.store.url} has changed since the prune was planned; ${state}`, {
    hint: "Plan again, and hold the exclusive lock from before the plan until the end. A snapshot that came since may need 'lifeboat repo repair index'.",
  });
}

/** Moves what is used out of the packs that are to go; durable and indexed when it resolves. */
async function movePacks(
  { repository, isUsed, chosenPack }: PruneBasis,
  plan: PrunePlan,
  signal: AbortSignal,
  reporter: ProgressReporter,
): Promise<{ target: Repository; bytes: number; indexFiles: readonly string[] }> {
  // It knows no blob, so that it stores those that the old packs have.
  const target = forgetEverything(repository);
  if (plan.repack.length === 0) return { target, bytes: 0, indexFiles: [] };
  const packs = new Set(plan.repack.map(({ id }) => id));
  const ids: Record<"data" | "tree", string[]> = { data: [], tree: [] };
  for (const { id, type, packId } of repository.index.entries()) {
    if (packs.has(packId) && isUsed(id, type) && (chosenPack.get(keyOfBlob(id, type)) ?? packId) === packId) ids[type].push(id);
  }
  const totalBytes = plan.repack.reduce((bytes, pack) => bytes + pack.usedBytes, 0);
  let bytesDone = 0;
  const reader = new BlobReader(repository, { willRelease: true });
  const writer = new BlobWriter(target, { signal });
  try {
    for (const id of ids.tree) {
      writer.saveTree(await repository.loadBlob(id, "tree", { signal }));
      await writer.ready();
    }
    const onBytes = (bytes: number) => {
      bytesDone += bytes;
      reporter.tell(() => ({ phase: "moving used blobs", bytes_done: bytesDone, total_bytes: Math.max(totalBytes, bytesDone) }));
    };
    const [damage] = await copyDataBlobs({ from: repository, reader, writer, ids: ids.data, signal, onBytes });
    if (damage !== undefined) throw damage;
    await writer.finish();
  } finally {
    await Promise.all([writer.close(), reader.close()]);
  }
  return { target, bytes: writer.figures.bytesAddedPacked, indexFiles: writer.indexFiles };
}

/** The last look before anything goes that an index names: every used blob lies in a pack that stays or in a new one. */
function requireAllUsed({ repository, isUsed, usedCount, gone }: PruneBasis, target: Repository): void {
  const safe = new BlobIndex();
  for (const { id, type, packId } of repository.index.entries()) if (!gone.has(packId) && isUsed(id, type)) safe.claim(id, type);
  for (const { id, type } of target.index.entries()) if (isUsed(id, type)) safe.claim(id, type);
  if (safe.size !== usedCount) {
    throw new Error(
      `prune would lose ${usedCount - safe.size} blobs of ${repository.store.url}; nothing that is indexed was removed`,
    );
  }
}

interface LeftPacks {
  packs: number;
  bytes: number;
  failure: LifeboatError | undefined;
}

/** Gives those that could not be deleted. */
async function deletePacks(
  repository: Repository,
  packs: readonly { readonly id: string; readonly bytes: number }[],
  signal: AbortSignal,
  reporter: ProgressReporter,
): Promise<LeftPacks> {
  const left: LeftPacks = { packs: 0, bytes: 0, failure: undefined };
  let done = 0;
  await forEachLimited(packs, repository.store.connections * 2, async ({ id, bytes }) => {
    signal.throwIfAborted();
    try {
      await repository.store.delete(objectName("pack", id), { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof LifeboatError)) throw error;
      left.packs++;
      left.bytes += bytes;
      left.failure ??= error;
    }
    done++;
    reporter.tell(() => ({ phase: "deleting packs", percent_done: done / packs.length }));
  });
  return left;
}
