import type { Clock, ProgressListener } from "@lifeboat/model";
import { type IndexedPack, idOfName, objectPrefix } from "../format/index.ts";
import { forEachLimited, type Repository } from "../repository/repository.ts";
import { type LoadedIndex, loadIndexFiles } from "./load-index-files.ts";
import { createProgressReporter } from "./progress-reporter.ts";
import { readPackHeader } from "./read-pack-header.ts";
import { IndexFileWriter, rewriteIndexFiles } from "./rewrite-index-files.ts";
import { isDamage } from "./walk-trees.ts";

export interface RepairIndexOptions {
  /** Believe no index file: read the header of every pack. */
  readonly readAllPacks?: boolean | undefined;
  /** Only look; nothing is written. */
  readonly dryRun?: boolean | undefined;
  /** Called before index files are deleted; throw to stop there. The lock is looked at here: reading many packs takes its time. */
  readonly beforeReplace: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
}

export interface RepairIndexResult {
  /** Packs that no sound index file named, or that one described wrongly, and their blobs: indexed now. */
  readonly foundPacks: number;
  readonly foundBlobs: number;
  /** Packs that an index named and that are not there: no longer named. What only they held is lost. */
  readonly missingPacks: readonly string[];
  /** Packs that are there and whose header cannot be read: no index names them, their blobs cannot be reached. */
  readonly unreadablePacks: readonly { readonly id: string; readonly detail: string }[];
  /** Index files that could not be read. */
  readonly damagedIndexFiles: readonly { readonly id: string; readonly detail: string }[];
  /** Index files that were replaced, damaged ones included, and those stored for them. */
  readonly replacedIndexFiles: number;
  readonly storedIndexFiles: number;
}

/**
 * Makes the index say what the packs say: packs that it does not know, knows with another size or describes in two ways are read
 * (their headers only), packs that are gone are dropped, damaged index files replaced. As restic's `repair index`; packs are never touched.
 *
 * Order: index files of the packs that were read; then those that replace old ones; then the old ones go. Killed at any time, every
 * pack is named that was named before and is sound; the next repair does the rest. The caller holds the exclusive lock: packs of a
 * backup under way have no index yet. What the given repository remembers of its index is out of date afterwards: open it anew.
 */
export async function repairIndex(original: Repository, options: RepairIndexOptions): Promise<RepairIndexResult> {
  // What this machine has whole may be damaged in the store.
  const repository = original.forgetful({ distrustCache: true });
  const { signal, readAllPacks = false, dryRun = false } = options;
  const reporter = createProgressReporter(options.clock, options.progress);
  const index = await loadIndexFiles(repository, { signal });
  const { toRead, missing } = await comparePacks(index, readAllPacks, signal);
  const writer = new IndexFileWriter(repository);
  const unreadable: { id: string; detail: string }[] = [];
  let foundPacks = 0;
  let foundBlobs = 0;
  let storing = Promise.resolve();
  await forEachLimited([...toRead], repository.store.connections * 2, async ([id, bytes]) => {
    let pack: IndexedPack;
    try {
      pack = await readPackHeader(repository, id, bytes, { signal });
    } catch (error) {
      if (!isDamage(error)) throw error;
      unreadable.push({ id, detail: error.message });
      return;
    }
    foundPacks++;
    foundBlobs += pack.blobs.length;
    reporter.tell(() => ({
      phase: "reading headers of packs",
      percent_done: (foundPacks + unreadable.length) / toRead.size,
      error_count: unreadable.length,
    }));
    // One after the other, and no further header is read while one is stored: the memory of one index file is enough.
    storing = storing.then(() => (dryRun ? undefined : writer.add(pack)));
    await storing;
  });
  if (!dryRun) await writer.finish();
  const gone = new Set([...missing, ...toRead.keys()]);
  const files = [...index.files].filter(([, { packs }]) => packs.some((id) => gone.has(id))).map(([id]) => id);
  const damaged = index.damaged.map(({ id }) => id);
  const beforeDelete = options.beforeReplace;
  const rewrite = { files, unreadable: damaged, leaveOut: gone, beforeDelete, signal };
  const rewritten = dryRun ? [] : await rewriteIndexFiles(repository, rewrite);
  return {
    foundPacks,
    foundBlobs,
    missingPacks: missing,
    unreadablePacks: unreadable,
    damagedIndexFiles: index.damaged,
    replacedIndexFiles: files.length + damaged.length,
    storedIndexFiles: writer.files.length + rewritten.length,
  };
}

/** Packs whose header is to be read, with their sizes, and those that an index names in vain. */
async function comparePacks(
  { repository, packs, conflicts }: LoadedIndex,
  readAllPacks: boolean,
  signal: AbortSignal,
): Promise<{ toRead: Map<string, number>; missing: string[] }> {
  const toRead = new Map<string, number>();
  const present = new Set<string>();
  const doubtful = new Set(conflicts);
  for await (const { name, size } of repository.store.list(objectPrefix("pack"), { signal })) {
    const id = idOfName(name);
    if (id === undefined) continue;
    present.add(id);
    if (readAllPacks || packs.get(id)?.bytes !== size || doubtful.has(id)) toRead.set(id, size);
  }
  return { toRead, missing: [...packs.keys()].filter((id) => !present.has(id)) };
}
