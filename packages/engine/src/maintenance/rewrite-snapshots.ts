import type { ByteString, Clock, ProgressListener } from "@lifeboat/model";
import { sha256Hex } from "../crypto/index.ts";
import type { Snapshot, SnapshotSummary } from "../format/index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import type { Repository } from "../repository/repository.ts";
import { createProgressReporter } from "./progress-reporter.ts";
import { replaceSnapshot } from "./replace-snapshot.ts";
import { type RemovedContent, TreeRewriter, type TreeRewriterOptions } from "./tree-rewriter.ts";

export interface PlanRewriteOptions {
  /** Those to look at. */
  readonly snapshots: readonly Snapshot[];
  readonly isExcluded: TreeRewriterOptions["isExcluded"];
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
}

/** What a rewrite will do, made from a repository at rest. */
export interface RewritePlan {
  readonly changes: readonly { readonly snapshot: Snapshot; readonly tree: string; readonly removed: RemovedContent }[];
  /** Snapshots that hold nothing of what is excluded. */
  readonly unchanged: number;
  /** What is excluded, the first paths that were found: so that a pattern that takes too much is seen. */
  readonly paths: readonly ByteString[];
}

export interface ExecuteRewriteOptions extends Omit<PlanRewriteOptions, "snapshots"> {
  /** All snapshots of the repository: what an earlier rewrite that was killed has stored is used. */
  readonly all: readonly Snapshot[];
  /** Called before snapshots are replaced; throw to stop: a lost lock protects nothing. */
  readonly beforeReplace: () => Promise<void>;
}

const maxPaths = 50;

/**
 * Which snapshots hold what is excluded, and how much of it. Only reads. The caller holds the exclusive lock from before this until
 * after `executeRewrite`. Errors: `repository-damaged` for a folder that cannot be read, `repository-unsupported` for one that cannot
 * be written again without loss.
 */
export async function planRewrite(repository: Repository, options: PlanRewriteOptions): Promise<RewritePlan> {
  const { snapshots, isExcluded, signal } = options;
  const reporter = createProgressReporter(options.clock, options.progress);
  await repository.loadIndex({ signal });
  const paths = new Set<ByteString>();
  const rewriter = new TreeRewriter(repository, {
    isExcluded,
    signal,
    save: async (bytes) => sha256Hex(bytes),
    onExcluded: (path) => {
      if (paths.size < maxPaths) paths.add(path);
    },
  });
  const changes: { snapshot: Snapshot; tree: string; removed: RemovedContent }[] = [];
  // Newest first: what is found first is what people know.
  const newestFirst = [...snapshots].sort((a, b) => Date.parse(b.time) - Date.parse(a.time));
  for (const [at, snapshot] of newestFirst.entries()) {
    const { id, removed } = await rewriter.rewrite(snapshot.tree);
    if (id !== snapshot.tree) changes.push({ snapshot, tree: id, removed });
    reporter.tell(() => ({
      phase: `looking at snapshot ${at + 1} of ${snapshots.length}`,
      percent_done: (at + 1) / snapshots.length,
    }));
  }
  return { changes, unchanged: snapshots.length - changes.length, paths: [...paths] };
}

/**
 * Does what the plan says. Order: all new folders and their index; then, one snapshot after the other, the new one is stored and the
 * old one deleted. Killed at any time, each snapshot is there in its old or its new form, or in both; the next call ends the work.
 * The data that only the old ones named stays until a prune. Resolves to the pairs of old and new.
 */
export async function executeRewrite(
  repository: Repository,
  plan: RewritePlan,
  options: ExecuteRewriteOptions,
): Promise<{ readonly from: string; readonly to: Snapshot }[]> {
  const { isExcluded, signal, all } = options;
  const reporter = createProgressReporter(options.clock, options.progress);
  const writer = new BlobWriter(repository, { signal });
  try {
    const save = async (bytes: Buffer) => {
      await writer.ready();
      return writer.saveTree(bytes);
    };
    const rewriter = new TreeRewriter(repository, { isExcluded, signal, save });
    for (const [at, { snapshot, tree }] of plan.changes.entries()) {
      const { id } = await rewriter.rewrite(snapshot.tree);
      if (id !== tree)
        throw new Error(`snapshot ${snapshot.id} was planned as tree ${tree} and became ${id}; it was not changed`);
      reporter.tell(() => ({ phase: `writing folders of snapshot ${at + 1} of ${plan.changes.length}` }));
    }
    await writer.finish();
  } finally {
    await writer.close();
  }
  const replaced: { from: string; to: Snapshot }[] = [];
  for (const { snapshot, tree, removed } of plan.changes) {
    signal.throwIfAborted();
    await options.beforeReplace();
    const summary = snapshot.summary && { summary: summaryWithout(snapshot.summary, removed) };
    replaced.push({ from: snapshot.id, to: await replaceSnapshot(repository, snapshot, { tree, ...summary }, all) });
    reporter.tell(() => ({ phase: "replacing snapshots", percent_done: replaced.length / plan.changes.length }));
  }
  return replaced;
}

/** What it holds; what was new then stays history. */
function summaryWithout(summary: SnapshotSummary, removed: RemovedContent): SnapshotSummary {
  return {
    ...summary,
    total_files_processed: Math.max(0, summary.total_files_processed - removed.files),
    total_bytes_processed: Math.max(0, summary.total_bytes_processed - removed.bytes),
  };
}
