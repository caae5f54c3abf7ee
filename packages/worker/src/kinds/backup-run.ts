import { assetOfSnapshot } from "@lifeboat/engine";
import { runBackup } from "@lifeboat/jobs";
import type { RunKindHandler } from "../run-work.ts";
import { withSnapshotsTold } from "../tell-snapshots.ts";

export const backupRun: RunKindHandler = ({ context, order, run, worker }) =>
  withSnapshotsTold(worker, run.object, async () => {
    const outcome = await runBackup(context, { ...order, asset: run.object });
    const { snapshot, found, record } = outcome;
    if (found === undefined || record.repository === null) return { outcome, seen: new Map() };
    // An adopted one was there already.
    const own = found.filter((one) => assetOfSnapshot(one) === run.object && one.id !== snapshot?.id);
    const seen = new Map([[record.repository, snapshot === undefined ? own : [...own, snapshot]]]);
    return { outcome, seen };
  });
