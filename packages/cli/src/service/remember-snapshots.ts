import { isRepaired, lastingId, type Snapshot } from "@lifeboat/engine";
import type { RepositoryChoice } from "@lifeboat/jobs";
import { type CompiledConfig, messageOf } from "@lifeboat/model";
import type { Session } from "../session/session.ts";
import { openHistoryIfThere } from "./history-file.ts";

/** Tells the service's history, where there is one, which snapshots are gone and which have taken their place. It is only a view. */
export async function rememberSnapshots(
  session: Session,
  config: CompiledConfig,
  choice: RepositoryChoice,
  changes: { readonly gone: readonly string[]; readonly stored?: readonly Snapshot[] },
): Promise<void> {
  if (!("name" in choice)) return;
  const repository = choice.name;
  try {
    const history = await openHistoryIfThere(session, config);
    if (history === undefined) return;
    const { catalog } = history;
    try {
      await catalog.recordSnapshots(
        (changes.stored ?? []).map((snapshot) => ({
          repository,
          id: snapshot.id,
          original: lastingId(snapshot),
          asset: valueOfTag(snapshot, "asset="),
          // One that has lost content is no copy that its run has made.
          run: isRepaired(snapshot) ? null : valueOfTag(snapshot, "run="),
          time: snapshot.time,
          bytes: snapshot.summary?.total_bytes_processed ?? null,
          files: snapshot.summary?.total_files_processed ?? null,
        })),
      );
      await catalog.forgetSnapshots(repository, changes.gone);
    } finally {
      await catalog.close();
    }
  } catch (error) {
    session.logger.warn({ cause: messageOf(error) }, "the history could not be told which snapshots have changed");
  }
}

function valueOfTag(snapshot: Snapshot, beginning: string): string | null {
  return snapshot.tags?.find((tag) => tag.startsWith(beginning))?.slice(beginning.length) ?? null;
}
