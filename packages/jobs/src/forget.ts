import { forgetSnapshots, type Snapshot } from "@lifeboat/engine";
import { type RetentionChoice, selectRetention } from "@lifeboat/model";
import { assetTag, findAsset } from "./find-asset.ts";
import { forEachRepository } from "./for-each-repository.ts";
import type { JobContext } from "./job-context.ts";
import { openChosenRepository } from "./open-repository.ts";
import { type JobOutcome, runRepositoryJob } from "./run-job.ts";
import type { RunEnd, RunOrder } from "./run-record.ts";
import { assertAgesAreTrusted } from "./trusted-ages.ts";
import { withLock } from "./with-lock.ts";

export interface ForgetOrder extends RunOrder {
  /** "HOST/SOURCE". */
  readonly asset: string;
  /** Only say what would go. */
  readonly dryRun?: boolean;
}

export interface ForgetOutcome extends JobOutcome {
  /** By repository. */
  readonly choices: ReadonlyMap<string, RetentionChoice<Snapshot>>;
  /** By repository that was looked into: what is left of the asset there. What was to go counts as gone, also when it failed midway. */
  readonly left: ReadonlyMap<string, readonly Snapshot[]>;
}

/**
 * Applies the policy's retention to one asset's snapshots, in its repository and in each replica, also when another one cannot be reached. Only snapshot objects go; their data
 * stays until prune. Killed in between: some of the surplus is still there, the next run takes it.
 */
export async function runForget(context: JobContext, order: ForgetOrder): Promise<ForgetOutcome> {
  const { policy } = findAsset(context, order.asset);
  const choices = new Map<string, RetentionChoice<Snapshot>>();
  const left = new Map<string, readonly Snapshot[]>();
  const { retention } = policy;
  const work = async (): Promise<RunEnd> => {
    if (retention === undefined)
      return { result: "skipped", cause: `policy ${policy.name} has no retention: nothing is ever forgotten` };
    let removed = 0;
    await forEachRepository(context, [policy.repository, ...policy.replicate.to], async (name) => {
      const before = removed;
      const repository = await openChosenRepository(context, { name });
      try {
        await withLock(context, repository, true, async () => {
          const snapshots = (await repository.listSnapshots({ signal: context.signal })).filter((snapshot) =>
            snapshot.tags?.includes(assetTag(order.asset)),
          );
          left.set(name, snapshots);
          if (snapshots.length === 0) return;
          const choice = selectRetention(snapshots, retention, context.clock.now());
          await assertAgesAreTrusted(context, repository, { name, asset: order.asset, retention, choice });
          choices.set(name, choice);
          if (order.dryRun === true) return;
          const keep = choice.keep.map(({ snapshot }) => snapshot);
          // Before the first one goes: who believes too little of what is there promises nothing that is gone.
          left.set(name, keep);
          await forgetSnapshots(
            repository,
            { keep: keep.map(({ id }) => id), remove: choice.remove.map(({ id }) => id) },
            { signal: context.signal },
          );
          removed += choice.remove.length;
        });
      } finally {
        await repository.close();
      }
      return `${removed - before} forgotten`;
    });
    return { result: "passed", figures: { snapshots_removed: removed } };
  };
  // A plan is no run: the history from the repository must not show it as one.
  const isReadOnly = order.dryRun === true;
  const outcome = await runRepositoryJob(context, order, { name: policy.repository }, work, { isReadOnly });
  return { ...outcome, choices, left };
}
