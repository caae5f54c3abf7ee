import { runForget } from "@lifeboat/jobs";
import type { RunKindHandler } from "../run-work.ts";
import { withSnapshotsTold } from "../tell-snapshots.ts";

export const forgetRun: RunKindHandler = ({ context, order, run, worker }) =>
  withSnapshotsTold(worker, run.object, async () => {
    const outcome = await runForget(context, { ...order, asset: run.object });
    return { outcome, seen: outcome.left };
  });
