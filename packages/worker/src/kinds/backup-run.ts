import { runBackup } from "@lifeboat/jobs";
import type { RunKindHandler } from "../run-work.ts";
import { seenSnapshot } from "../seen-snapshot.ts";

export const backupRun: RunKindHandler = async ({ context, order, run, worker }) => {
  const outcome = await runBackup(context, { ...order, asset: run.object });
  const { snapshot, record } = outcome;
  if (snapshot !== undefined && record.repository !== null) {
    await worker.catalog.recordSnapshots([seenSnapshot(record.repository, run.object, snapshot)]);
  }
  return outcome;
};
