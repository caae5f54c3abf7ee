import type { Repository, Snapshot } from "@lifeboat/engine";
import { isLifeboatError } from "@lifeboat/model";
import { copyToRepository } from "./copy-to-repository.ts";
import { assetTag, findAsset } from "./find-asset.ts";
import { forEachRepository } from "./for-each-repository.ts";
import type { JobContext } from "./job-context.ts";
import { initChosenRepository, openChosenRepository } from "./open-repository.ts";
import { type JobOutcome, runRepositoryJob } from "./run-job.ts";
import type { RunOrder } from "./run-record.ts";
import { withLock } from "./with-lock.ts";

export interface ReplicateOrder extends RunOrder {
  /** "HOST/SOURCE". */
  readonly asset: string;
}

export interface ReplicateOutcome extends JobOutcome {
  /** By repository: all snapshots of the asset that it holds now. */
  readonly replicas: ReadonlyMap<string, readonly Snapshot[]>;
}

/**
 * Copies the snapshots of one asset that its replicas lack, blobs as they are cut, sealed with the replica's own key, side data
 * included. A replica that does not exist yet is created with its source's polynomial. One that
 * cannot be reached fails the run and does not keep the others from their copies. Killed: see
 * `copySnapshots`.
 */
export async function runReplicate(context: JobContext, order: ReplicateOrder): Promise<ReplicateOutcome> {
  const { policy } = findAsset(context, order.asset);
  const replicas = new Map<string, readonly Snapshot[]>();
  const outcome = await runRepositoryJob(context, order, { name: policy.repository }, async (source) => {
    if (policy.replicate.to.length === 0) return { result: "skipped", cause: `policy ${policy.name} has no replica` };
    const figures: Record<string, number> = { snapshots_copied: 0, snapshots_failed: 0, bytes_copied: 0, side_objects_copied: 0 };
    const failures: string[] = [];
    const { asset } = order;
    await withLock(context, source, false, () =>
      forEachRepository(context, policy.replicate.to, async (name) => {
        const before = { ...figures };
        const destination = await openOrCreate(context, name, source);
        try {
          await withLock(context, destination, false, (lock) => {
            const beforeCommit = () => lock.assertHeld();
            return replicateTo({ context, asset, source, destination, figures, failures, beforeCommit });
          });
          const there = await destination.listSnapshots({ signal: context.signal });
          replicas.set(
            name,
            there.filter((snapshot) => snapshot.tags?.includes(assetTag(asset))),
          );
        } finally {
          await destination.close();
        }
        const [copied, failed] = [
          figures.snapshots_copied! - before.snapshots_copied!,
          figures.snapshots_failed! - before.snapshots_failed!,
        ];
        return `${copied} copied${failed > 0 ? `, ${failed} not` : ""}`;
      }),
    );
    const [first] = failures;
    if (first === undefined) return { result: "passed", figures };
    const cause = `${failures.length} ${failures.length === 1 ? "thing" : "things"} could not be copied, first: ${first}`.slice(
      0,
      1000,
    );
    return { result: "incomplete", figures, cause, code: "repository-damaged" };
  });
  return { ...outcome, replicas };
}

async function openOrCreate(context: JobContext, name: string, source: Repository): Promise<Repository> {
  try {
    return await openChosenRepository(context, { name });
  } catch (error) {
    if (!isLifeboatError(error, "repository-missing")) throw error;
    context.logger.info({ repository: name }, "the replica does not exist yet, it is created");
    try {
      return await initChosenRepository(context, { name }, source.config.chunkerPolynomial);
    } catch (failure) {
      // Another asset's run was faster.
      if (isLifeboatError(failure, "repository-exists")) return openChosenRepository(context, { name });
      throw failure;
    }
  }
}

interface ReplicaParts {
  readonly context: JobContext;
  readonly asset: string;
  readonly source: Repository;
  readonly destination: Repository;
  readonly figures: Record<string, number>;
  /** What could not be copied, in words. */
  readonly failures: string[];
  readonly beforeCommit: () => Promise<void>;
}

async function replicateTo({
  context,
  asset,
  source,
  destination,
  figures,
  failures,
  beforeCommit,
}: ReplicaParts): Promise<void> {
  const { signal } = context;
  const snapshots = (await source.listSnapshots({ signal })).filter((snapshot) => snapshot.tags?.includes(assetTag(asset)));
  // Side data of other assets comes along: it is small, and belongs to the same owner.
  const { copied, side } = await copyToRepository({ context, source, destination, snapshots, side: "all", beforeCommit });
  figures.snapshots_copied! += copied.copied.length;
  figures.snapshots_failed! += copied.failed.length;
  figures.bytes_copied! += copied.bytes;
  for (const { from, error } of copied.failed) failures.push(`snapshot ${from.slice(0, 8)}: ${error.message}`);
  figures.side_objects_copied! += side.copied;
  for (const name of side.damaged) failures.push(`side object ${name} cannot be read`);
}
