import type { Snapshot } from "@lifeboat/engine";
import { type CompiledConfig, messageOf, type RunRecord } from "@lifeboat/model";
import type { Session } from "../session/session.ts";
import { openHistoryIfThere } from "./history-file.ts";

/** Tells the service's history, where there is one, of a run that was made in this process. Its record lies in the repository anyway. */
export async function rememberRun(
  session: Session,
  config: CompiledConfig,
  record: RunRecord,
  snapshot?: Snapshot | undefined,
): Promise<void> {
  try {
    const history = await openHistoryIfThere(session, config);
    if (history === undefined) return;
    const { catalog } = history;
    try {
      await catalog.recordSettled(record);
      if (snapshot !== undefined && record.repository !== null) {
        await catalog.recordSnapshots([
          {
            repository: record.repository,
            id: snapshot.id,
            original: snapshot.original ?? snapshot.id,
            asset: record.object,
            run: record.id,
            time: snapshot.time,
            bytes: snapshot.summary?.total_bytes_processed ?? null,
            files: snapshot.summary?.total_files_processed ?? null,
          },
        ]);
      }
    } finally {
      await catalog.close();
    }
  } catch (error) {
    session.logger.warn(
      { cause: messageOf(error) },
      "the history could not be told of this run; its record lies in the repository",
    );
  }
}
