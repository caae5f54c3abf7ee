import { runReplicate } from "@lifeboat/jobs";
import type { RunKindHandler } from "../run-work.ts";
import { seenSnapshot } from "../seen-snapshot.ts";

export const replicateRun: RunKindHandler = async ({ context, order, run, worker }) => {
  const outcome = await runReplicate(context, { ...order, asset: run.object });
  for (const [repository, snapshots] of outcome.replicas) {
    await worker.catalog.recordSnapshots(snapshots.map((snapshot) => seenSnapshot(repository, run.object, snapshot)));
  }
  return outcome;
};
