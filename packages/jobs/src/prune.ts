import { executePrune, type PrunePlan, planPrune, type Repository } from "@lifeboat/engine";
import type { JobContext } from "./job-context.ts";
import type { RepositoryChoice } from "./open-repository.ts";
import { type JobOutcome, runRepositoryJob } from "./run-job.ts";
import type { RunEnd, RunOrder } from "./run-record.ts";
import { withLock } from "./with-lock.ts";

export interface PruneOrder extends RunOrder {
  readonly repository: RepositoryChoice;
  /** Share of unused bytes that may stay, 0.05 as in restic. */
  readonly maxUnusedRatio: number;
  readonly dryRun?: boolean;
  /** Called with the plan before anything is deleted; throw to stop. */
  readonly confirm?: ((plan: PrunePlan) => Promise<void>) | undefined;
}

/** Removes data that no snapshot needs, under the exclusive lock. Order and what a kill leaves: see engine/maintenance. */
export async function runPrune(
  context: JobContext,
  order: PruneOrder,
): Promise<JobOutcome & { readonly plan: PrunePlan | undefined }> {
  let plan: PrunePlan | undefined;
  const work = (repository: Repository) =>
    withLock(context, repository, true, async (lock): Promise<RunEnd> => {
      const { signal, clock, progress } = context;
      plan = await planPrune(repository, { maxUnusedRatio: order.maxUnusedRatio, signal, clock, progress });
      if (order.dryRun === true) return { result: "passed", figures: { dry_run: 1 } };
      await order.confirm?.(plan);
      const beforeRemove = () => lock.assertHeld();
      await beforeRemove();
      const { leftPacks, leftBytes, failure } = await executePrune(repository, plan, { beforeRemove, signal, clock, progress });
      const figures = {
        bytes_freed: Math.max(0, plan.freedBytes - leftBytes),
        packs_removed: plan.remove.length + plan.unindexed.length,
        packs_repacked: plan.repack.length,
        bytes_unused_after: plan.unusedBytesAfter,
      };
      if (failure === undefined) return { result: "passed", figures };
      const what = leftPacks === 1 ? "1 pack" : `${leftPacks} packs`;
      const cause = `${what} that nobody needs could not be deleted, the next prune tries again; first: ${failure.message}`;
      return { result: "incomplete", figures, cause: cause.slice(0, 1000), code: failure.code };
    });
  // A plan is no prune: the history of the repository must not say that one passed.
  const outcome = await runRepositoryJob(context, order, order.repository, work, { isReadOnly: order.dryRun === true });
  return { ...outcome, plan };
}
