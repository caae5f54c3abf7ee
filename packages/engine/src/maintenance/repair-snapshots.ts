import { type Clock, LifeboatError, type ProgressListener } from "@lifeboat/model";
import { sha256Hex } from "../crypto/index.ts";
import {
  encodeSnapshot,
  idOfName,
  lastingId,
  objectName,
  objectPrefix,
  type Snapshot,
  type SnapshotFields,
} from "../format/index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import { forEachLimited, type Repository } from "../repository/repository.ts";
import { createProgressReporter } from "./progress-reporter.ts";
import { replaceSnapshot } from "./replace-snapshot.ts";
import { type RepairedPath, type TreeDamage, TreeRepairer } from "./tree-repairer.ts";
import { isDamage } from "./walk-trees.ts";

/** The tag of a snapshot that stands beside the damaged one that it was made from, as restic's. */
export const repairedTag = "repaired";

export function isRepaired(snapshot: { readonly tags?: readonly string[] | undefined }): boolean {
  return snapshot.tags?.includes(repairedTag) === true;
}

export interface PlanSnapshotRepairOptions {
  /** Which to look at; default all. */
  readonly isChosen?: ((snapshot: Snapshot) => boolean) | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
}

/** What a repair will do, made from a repository at rest. */
export interface SnapshotRepairPlan {
  readonly changes: readonly { readonly snapshot: Snapshot; readonly tree: string; readonly damage: TreeDamage }[];
  /** Snapshots whose first folder cannot be read: nothing of them can be had. */
  readonly lost: readonly Snapshot[];
  /** Snapshot files that cannot be read. */
  readonly unreadable: readonly { readonly id: string; readonly detail: string }[];
  readonly whole: number;
  /** The first damages that were found. */
  readonly paths: readonly RepairedPath[];
  /** All that can be read. */
  readonly all: readonly Snapshot[];
}

export interface ExecuteSnapshotRepairOptions extends Omit<PlanSnapshotRepairOptions, "isChosen"> {
  /** Damaged snapshots go, also those that are lost as a whole; else they stay, and the repaired ones stand beside them with a tag. */
  readonly forget: boolean;
  /** Snapshot files of the plan that cannot be read and are to go. */
  readonly removeUnreadable: readonly string[];
  /** Called before snapshots are stored or removed; throw to stop: a lost lock protects nothing. */
  readonly beforeReplace: () => Promise<void>;
}

export interface SnapshotRepairResult {
  readonly repaired: readonly { readonly from: string; readonly to: Snapshot }[];
  /** Ids of snapshots that went and have no successor. */
  readonly removed: readonly string[];
}

const maxPaths = 1000;

/**
 * Which snapshots name what cannot be had, and what is left of them. Only reads, and nothing that this machine keeps is believed. Goes by the
 * index: one that names packs that are not there is refused (`repository-damaged`); what is damaged inside of packs must have left it by
 * `repairPacks`. The caller holds the exclusive lock from before this until after `executeSnapshotRepair`.
 */
export async function planSnapshotRepair(original: Repository, options: PlanSnapshotRepairOptions): Promise<SnapshotRepairPlan> {
  const { signal, isChosen = () => true } = options;
  const repository = original.forgetful({ distrustCache: true });
  const reporter = createProgressReporter(options.clock, options.progress);
  const { all, unreadable } = await loadSnapshots(repository, signal);
  await repository.loadIndex({ signal });
  await refuseMissingPacks(repository, signal);
  // A path is damaged in many snapshots; it is told once.
  const paths = new Map<string, RepairedPath>();
  const repairer = new TreeRepairer(repository, {
    signal,
    save: async (bytes) => sha256Hex(bytes),
    onRepair: (repaired) => {
      if (paths.size < maxPaths) paths.set(`${repaired.repair} ${repaired.path}`, repaired);
    },
  });
  const changes: { snapshot: Snapshot; tree: string; damage: TreeDamage }[] = [];
  const lost: Snapshot[] = [];
  const chosen = all.filter(isChosen);
  // Newest first: what is found first is what people know.
  for (const [at, snapshot] of [...chosen].reverse().entries()) {
    const { id, damage } = await repairer.repair(snapshot.tree);
    if (id === undefined) lost.push(snapshot);
    else if (id !== snapshot.tree) changes.push({ snapshot, tree: id, damage });
    reporter.tell(() => ({ phase: `looking at snapshot ${at + 1} of ${chosen.length}`, percent_done: (at + 1) / chosen.length }));
  }
  return { changes, lost, unreadable, whole: chosen.length - changes.length - lost.length, paths: [...paths.values()], all };
}

/**
 * Does what the plan says. Order: all new folders and their index; then, one snapshot after the other, the new one is stored and, with
 * `forget`, the old one deleted; last, with `forget`, go those of which nothing can be had. Killed at any time, each snapshot is there in
 * its old or its new form, or in both; the next call uses what this one has stored.
 */
export async function executeSnapshotRepair(
  original: Repository,
  plan: SnapshotRepairPlan,
  options: ExecuteSnapshotRepairOptions,
): Promise<SnapshotRepairResult> {
  const { signal, forget, beforeReplace } = options;
  const repository = original.forgetful({ distrustCache: true });
  const reporter = createProgressReporter(options.clock, options.progress);
  await repository.loadIndex({ signal });
  await writeTrees(repository, plan, signal);
  const repaired: { from: string; to: Snapshot }[] = [];
  for (const { snapshot, tree, damage } of plan.changes) {
    signal.throwIfAborted();
    await beforeReplace();
    const changes = changesOf(snapshot, tree, damage);
    const to = forget
      ? await replaceSnapshot(repository, snapshot, changes, plan.all)
      : await storeBeside(repository, snapshot, changes, plan.all);
    repaired.push({ from: snapshot.id, to });
    reporter.tell(() => ({ phase: "storing snapshots", percent_done: repaired.length / plan.changes.length }));
  }
  const gone = [...(forget ? plan.lost.map(({ id }) => id) : []), ...options.removeUnreadable];
  for (const id of gone) {
    signal.throwIfAborted();
    await beforeReplace();
    // Nothing of it can be read: what goes is its name. Killed here, the rest of them waits for the next call.
    await repository.store.delete(objectName("snapshot", id), { signal });
  }
  return { repaired, removed: gone };
}

async function writeTrees(repository: Repository, plan: SnapshotRepairPlan, signal: AbortSignal): Promise<void> {
  const writer = new BlobWriter(repository, { signal });
  try {
    const save = async (bytes: Buffer) => {
      await writer.ready();
      return writer.saveTree(bytes);
    };
    const repairer = new TreeRepairer(repository, { signal, save });
    for (const { snapshot, tree } of plan.changes) {
      const { id } = await repairer.repair(snapshot.tree);
      if (id !== tree)
        throw new Error(`snapshot ${snapshot.id} was planned as tree ${tree} and became ${id}; it was not changed`);
    }
    await writer.finish();
  } finally {
    await writer.close();
  }
}

/**
 * What has lost content is not what its run had made: it has problems, and the run's tag no more, so that nobody takes it for that run's good
 * copy, here or in a replica, and no later attempt of the run adopts it. `original` still leads to the run's record.
 */
function changesOf({ tags, lifeboat }: Snapshot, tree: string, damage: TreeDamage): Partial<SnapshotFields> {
  const lost = damage.truncatedFiles + damage.emptiedFolders + damage.removedNodes;
  if (lost === 0) return { tree };
  return {
    tree,
    ...(tags !== undefined && { tags: tags.filter((tag) => !tag.startsWith("run=")) }),
    lifeboat: { ...lifeboat, problem_count: (lifeboat?.problem_count ?? 0) + lost },
  };
}

/** Nothing goes: the damaged one stays, and what a call that was killed has stored is used. */
async function storeBeside(
  repository: Repository,
  old: Snapshot,
  changes: Partial<SnapshotFields>,
  all: readonly Snapshot[],
): Promise<Snapshot> {
  const { id: _, ...before } = old;
  const changed = { ...before, ...changes, original: lastingId(old) };
  const fields = { ...changed, tags: [...(changed.tags ?? []).filter((tag) => tag !== repairedTag), repairedTag] };
  const wanted = encodeSnapshot(fields);
  return all.find((other) => encodeSnapshot(other) === wanted) ?? (await repository.saveSnapshot(fields));
}

async function loadSnapshots(
  repository: Repository,
  signal: AbortSignal,
): Promise<{ all: Snapshot[]; unreadable: { id: string; detail: string }[] }> {
  const all: Snapshot[] = [];
  const unreadable: { id: string; detail: string }[] = [];
  await forEachLimited(await repository.listIds("snapshot", { signal }), repository.store.connections * 2, async (id) => {
    try {
      all.push(await repository.loadSnapshot(id, { signal }));
    } catch (error) {
      if (!isDamage(error)) throw error;
      unreadable.push({ id, detail: error.message });
    }
  });
  return { all: all.sort((a, b) => Date.parse(a.time) - Date.parse(b.time) || (a.id < b.id ? -1 : 1)), unreadable };
}

/** An index that is wrong would have whole files cut, or damaged ones taken for whole. */
async function refuseMissingPacks(repository: Repository, signal: AbortSignal): Promise<void> {
  const missing = new Set(repository.index.packIds);
  for await (const { name } of repository.store.list(objectPrefix("pack"), { signal })) missing.delete(idOfName(name) ?? "");
  if (missing.size === 0) return;
  const [first] = missing;
  throw new LifeboatError(
    "repository-damaged",
    `the index of ${repository.store.url} names ${missing.size} packs that are not there, first ${first}; nothing was changed`,
    { hint: "Run 'lifeboat repo repair index' first." },
  );
}
