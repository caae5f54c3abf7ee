import {
  type ByteString,
  type Clock,
  displayName,
  LifeboatError,
  type Overwrite,
  type ProgressListener,
  type RestoreTarget,
} from "@lifeboat/model";
import type { Snapshot } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";
import { BlobReader } from "./blob-reader.ts";
import { type Reconciliation, reconcileTarget } from "./reconcile-target.ts";
import type { RestoreItem } from "./restore-item.ts";
import { type PlanOptions, planRestore, type RestorePlan } from "./restore-plan.ts";
import { writeRestoreStream } from "./restore-stream.ts";
import { type RestoreProblem, RestoreTally } from "./restore-tally.ts";
import { writeReconciled } from "./write-reconciled.ts";

export interface RestoreOptions {
  readonly repository: Repository;
  readonly snapshot: Pick<Snapshot, "tree">;
  readonly target: RestoreTarget;
  /** Absolute paths in the snapshot; empty: everything. */
  readonly include?: readonly ByteString[];
  /** Further choices, as `planRestore` has them. */
  readonly isIncluded?: PlanOptions["isIncluded"];
  readonly isExcluded?: PlanOptions["isExcluded"];
  /** For a target that is not empty: what happens to what stands there. Undefined for one that is new or empty. */
  readonly existing?: ExistingRule | undefined;
  /** Only count what would be done. */
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
}

export interface ExistingRule {
  readonly overwrite: Overwrite;
  /** Files that look the same are read where they stand and compared with the snapshot by hash. */
  readonly verify: boolean;
  /** Owners can be set there. */
  readonly root: boolean;
}

export interface RestoreResult {
  /** All that the snapshot has there. */
  readonly plan: RestorePlan;
  /** What was written. */
  readonly files: number;
  readonly folders: number;
  readonly others: number;
  readonly bytes: number;
  /** Of `files` and `others`: what took the place of something else. */
  readonly replaced: number;
  /** What stood there as in the snapshot. */
  readonly unchanged: { readonly files: number; readonly bytes: number };
  /** What stood there, is not as in the snapshot and stayed, with what the snapshot has below it. */
  readonly kept: number;
  /** Sealed bytes of file content that were read from the store. */
  readonly bytesRead: number;
  /** Files that could not be restored, or metadata that could not be set. Empty = everything stands as in the snapshot. */
  readonly problems: readonly RestoreProblem[];
  readonly problemCount: number;
  /** Paths that are not, or need not be, as in the snapshot, for a reason that is known: kept, lost, or named by a problem. */
  readonly exempt: ReadonlySet<ByteString>;
  /** Attributes that were refused. */
  readonly attributesNotSet: number;
  /** Device nodes that were refused. */
  readonly devicesNotMade: number;
}

/**
 * Restores into a folder that a `tar --extract` fills: one way for the worker's own disk and for every host. Each blob is verified
 * by its hash before a byte of it goes out. Nothing that exists is overwritten but by `existing`.
 * What the repository has lost is a problem of the files concerned; all others are restored.
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<RestoreResult> {
  const { repository, snapshot, signal, clock, progress, target, existing, dryRun = false } = options;
  await repository.loadIndex({ signal });
  const { include = [], isIncluded, isExcluded } = options;
  const plan = await planRestore({ repository, tree: snapshot.tree, include, isIncluded, isExcluded, signal });
  refuseNothing(options, plan);
  const tally = new RestoreTally(clock, progress);
  for (const { path, reason } of plan.skipped) tally.report(path, reason);
  const reader = new BlobReader(repository, { willRelease: true });
  try {
    const stream = { repository, target, reader, tally, signal };
    if (existing === undefined) {
      tally.expect(plan);
      if (!dryRun) await writeRestoreStream({ ...stream, stages: [] }, plan);
      await target.touch(tally.broken(), signal);
      return resultOf(
        plan,
        plan,
        { replaced: 0, unchanged: { files: 0, bytes: 0 }, kept: new Set(), exempt: new Set() },
        tally,
        reader,
      );
    }
    const { overwrite, verify, root } = existing;
    const work = await reconcileTarget({ repository, plan, target, overwrite, verifyExisting: verify, root, signal });
    tally.expect(work);
    for (const { path, detail } of work.problems) tally.report(path, detail);
    const replaced = dryRun ? countReplacements(work) : await writeReconciled(stream, work);
    return resultOf(plan, work, { ...work, replaced }, tally, reader);
  } finally {
    await reader.close();
  }
}

function countReplacements({ files, others }: Reconciliation): number {
  return [...files, ...others].filter(({ writeTo }) => writeTo !== undefined).length;
}

function refuseNothing(options: RestoreOptions, plan: RestorePlan): void {
  const { include = [], isIncluded } = options;
  if (isIncluded !== undefined && plan.files.length + plan.others.length + plan.folders.length === 0) {
    throw new LifeboatError("path-not-found", "nothing in the snapshot fits the patterns; nothing was written");
  }
  if (include.length === 0 || plan.files.length + plan.others.length > 0) return;
  for (const folder of plan.folders) if (isWanted(folder, include)) return;
  throw new LifeboatError("path-not-found", `the snapshot holds no ${include.map(displayName).join(", ")}; nothing was written`);
}

function isWanted({ path }: RestoreItem, include: readonly ByteString[]): boolean {
  return include.some((wanted) => wanted.replace(/^\/+|\/+$/g, "") === path);
}

function resultOf(
  plan: RestorePlan,
  { files, folders, others }: Pick<RestorePlan, "files" | "folders" | "others">,
  existing: Pick<RestoreResult, "replaced" | "unchanged"> & Pick<Reconciliation, "kept" | "exempt">,
  tally: RestoreTally,
  reader: BlobReader,
): RestoreResult {
  let [furtherNames, devicesNotMade] = [0, 0];
  for (const { path, node, hardLinkTo } of others) {
    if (hardLinkTo !== undefined) furtherNames++;
    if ((node.type === "dev" || node.type === "chardev") && tally.notMade.has(path)) devicesNotMade++;
  }
  return {
    plan,
    files: files.length + furtherNames - tally.leftOut.size,
    folders: folders.length,
    others: others.length - furtherNames,
    bytes: tally.totalBytes - tally.leftOutBytes,
    replaced: existing.replaced,
    unchanged: existing.unchanged,
    kept: existing.kept.size,
    exempt: new Set([...existing.kept, ...existing.exempt, ...tally.lost, ...tally.imperfect]),
    bytesRead: reader.bytesRead,
    problems: tally.problems,
    problemCount: tally.problemCount,
    attributesNotSet: tally.attributesNotSet,
    devicesNotMade,
  };
}
