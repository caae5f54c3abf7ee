import { runReplicate } from "@lifeboat/jobs";
import type { RunKindHandler } from "../run-work.ts";
import { withSnapshotsTold } from "../tell-snapshots.ts";

export const replicateRun: RunKindHandler = ({ context, order, run, worker }) =>
  withSnapshotsTold(worker, run.object, async () => {
    const outcome = await runReplicate(context, { ...order, asset: run.object });
    return { outcome, seen: outcome.replicas };
  });
