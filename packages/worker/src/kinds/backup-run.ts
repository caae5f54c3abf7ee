import { runBackup } from "@lifeboat/jobs";
import type { RunKindHandler } from "../run-work.ts";

export const backupRun: RunKindHandler = async ({ context, order, run, worker }) => {
  const outcome = await runBackup(context, { ...order, asset: run.object });
  const { snapshot, record } = outcome;
  if (snapshot !== undefined && record.repository !== null) {
    await worker.catalog.recordSnapshots([
      {
        repository: record.repository,
        id: snapshot.id,
        original: snapshot.original ?? snapshot.id,
        asset: run.object,
        run: run.id,
        time: snapshot.time,
        bytes: snapshot.summary?.total_bytes_processed ?? null,
        files: snapshot.summary?.total_files_processed ?? null,
      },
    ]);
  }
  return outcome;
};
