import type { Clock, ProgressListener } from "@lifeboat/model";
import { idOfName, objectPrefix } from "../format/index.ts";
import { forEachLimited, type Repository } from "../repository/repository.ts";
import { choosePacks, readPacks } from "./check-pack-data.ts";
import { CheckErrors, type CheckReport, type ReadDataChoice } from "./check-report.ts";
import { checkTrees, findAffectedFiles, type Root } from "./check-trees.ts";
import { type LoadedIndex, loadIndexFiles } from "./load-index-files.ts";
import { createProgressReporter } from "./progress-reporter.ts";
import { isDamage } from "./walk-trees.ts";

export interface CheckOptions {
  readonly readData: ReadDataChoice;
  /** Believe what this machine keeps of index files, snapshots and folders; default false: the store is judged, not the machine. */
  readonly withCache?: boolean | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
}

/**
 * Is the repository sound? Index files open, packs are there in their right size, every folder of every snapshot can be read and
 * all that it names is in the index; with `readData` every byte of packs is read and verified. Nothing is taken from what the given
 * repository remembers, nothing is changed. Hold a lock: beside a prune, what it moves shows as damage. A backup under way shows as unindexed packs.
 *
 * Damage goes into the report; thrown are only errors of the store and of who called.
 */
export async function checkRepository(repository: Repository, options: CheckOptions): Promise<CheckReport> {
  return checkContent(await checkStructure(repository, options), options);
}

/** What a check begins with: lists, snapshots and index files, and what is wrong with them. */
export interface CheckedStructure {
  readonly index: LoadedIndex;
  readonly roots: readonly Root[];
  readonly snapshots: number;
  readonly listed: ListedPacks;
  readonly errors: CheckErrors;
  readonly hints: string[];
}

/** Nothing is taken from what the given repository remembers. */
export async function checkStructure(
  original: Repository,
  { withCache, signal }: Pick<CheckOptions, "withCache" | "signal">,
): Promise<CheckedStructure> {
  const repository = original.forgetful({ distrustCache: withCache !== true });
  const errors = new CheckErrors();
  const hints: string[] = [];
  // Snapshots before the index: what a snapshot names was indexed before it was stored.
  const { roots, count } = await loadRoots(repository, errors, signal);
  const index = await loadIndexFiles(repository, { signal });
  judgeIndex(index, errors, hints);
  return { index, roots, snapshots: count, listed: await comparePacks(index, errors, signal), errors, hints };
}

/**
 * Of a structure that was read without a lock, asked when there is one: is it what the lock guards? What looked wrong may have been a prune's
 * or a forget's work; where nothing did, a prune that has ended since has taken index files (docs/adr/0026).
 */
export async function isStructureStillThere({ index, errors }: CheckedStructure, signal: AbortSignal): Promise<boolean> {
  return errors.count === 0 && (await index.repository.areIndexFilesThere(index.files.keys(), { signal }));
}

/** Walks all folders and reads what was chosen. */
export async function checkContent(structure: CheckedStructure, options: CheckOptions): Promise<CheckReport> {
  const { index, roots, listed, errors, hints } = structure;
  const { signal, clock } = options;
  const reporter = createProgressReporter(clock, options.progress);
  const chosen = choosePacks(listed.present, options.readData, clock.now());
  const toRead = new Map([...listed.present].filter(([id]) => chosen.has(id)));
  const totalBytes = [...toRead.values()].reduce((sum, bytes) => sum + bytes, 0);
  let bytesRead = 0;
  let trees = 0;
  const tell = () =>
    reporter.tell(() => ({
      phase: toRead.size === 0 ? "checking folders" : "checking folders and packs",
      ...(totalBytes > 0 && { percent_done: bytesRead / totalBytes, total_bytes: totalBytes, bytes_done: bytesRead }),
      error_count: errors.count,
    }));
  // Folders keep this thread busy, packs the others.
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const orStop = (error: unknown) => {
    stop.abort(error);
    throw error;
  };
  await Promise.all([
    checkTrees(index.repository, roots, errors, {
      signal: both,
      onTree: (walked) => {
        trees = walked;
        tell();
      },
    }).catch(orStop),
    readPacks(index.repository, {
      packs: toRead,
      indexFiles: index.files.keys(),
      errors,
      hints,
      signal: both,
      onRead: (bytes) => {
        bytesRead += bytes;
        tell();
      },
    }).catch(orStop),
  ]);
  const hit =
    errors.badPacks.size === 0
      ? { affected: [], affectedCount: 0 }
      : await findAffectedFiles(index.repository, roots, errors.badPacks, signal);
  if (listed.unindexedPacks > 0) {
    const meaning =
      errors.count === 0
        ? "harmless, left by a run that was killed; prune removes them"
        : "they may hold what is missing; 'lifeboat repo repair index' takes them in";
    hints.push(`${listed.unindexedPacks} packs are in no index: ${meaning}`);
  }
  return {
    errors: errors.kept,
    errorCount: errors.count,
    hints,
    snapshots: structure.snapshots,
    indexFiles: index.files.size + index.damaged.length,
    packs: index.packs.size,
    blobs: index.repository.index.size,
    trees,
    unindexedPacks: listed.unindexedPacks,
    unindexedBytes: listed.unindexedBytes,
    packsRead: toRead.size,
    bytesRead,
    ...hit,
  };
}

/** Newest first, so that damage is told of the newest snapshot that it hits. */
async function loadRoots(
  repository: Repository,
  errors: CheckErrors,
  signal: AbortSignal,
): Promise<{ roots: Root[]; count: number }> {
  const found: (Root & { readonly time: number })[] = [];
  const ids = await repository.listIds("snapshot", { signal });
  await forEachLimited(ids, repository.store.connections * 2, async (id) => {
    try {
      const { tree, time } = await repository.loadSnapshot(id, { signal });
      found.push({ tree, snapshot: id, time: Date.parse(time) });
    } catch (error) {
      if (!isDamage(error)) throw error;
      errors.add("snapshot-damaged", id, error.message);
    }
  });
  return { roots: found.sort((a, b) => b.time - a.time), count: ids.length };
}

function judgeIndex(index: LoadedIndex, errors: CheckErrors, hints: string[]): void {
  for (const { id, detail } of index.damaged) errors.add("index-damaged", id, detail);
  for (const id of index.conflicts) errors.add("index-conflict", id, `index files say different things of pack ${id}`);
  if (index.damaged.length > 0) hints.push("what only a damaged index file names is reported as missing, too");
  let twice = 0;
  let mixed = 0;
  for (const { files, contents } of index.packs.values()) {
    if (files > 1) twice++;
    if (contents === "mixed") mixed++;
  }
  if (twice > 0) hints.push(`${twice} packs are in several index files: harmless, prune makes one of them`);
  if (mixed > 0) hints.push(`${mixed} packs hold files and folders: harmless, left by an old program; prune parts them`);
}

interface ListedPacks {
  /** Those that an index names, with the size that they have. */
  readonly present: ReadonlyMap<string, number>;
  readonly unindexedPacks: number;
  readonly unindexedBytes: number;
}

async function comparePacks({ repository, packs }: LoadedIndex, errors: CheckErrors, signal: AbortSignal): Promise<ListedPacks> {
  const present = new Map<string, number>();
  let unindexedPacks = 0;
  let unindexedBytes = 0;
  for await (const { name, size } of repository.store.list(objectPrefix("pack"), { signal })) {
    const id = idOfName(name);
    if (id === undefined) continue;
    const facts = packs.get(id);
    if (facts === undefined) {
      unindexedPacks++;
      unindexedBytes += size;
      continue;
    }
    present.set(id, size);
    if (size !== facts.bytes) errors.add("pack-size", id, `pack ${id} has ${size} bytes, its blobs make ${facts.bytes}`);
  }
  for (const [id, { blobs }] of packs) {
    if (!present.has(id)) errors.add("pack-missing", id, `pack ${id} with ${blobs} blobs is not there`);
  }
  return { present, unindexedPacks, unindexedBytes };
}
