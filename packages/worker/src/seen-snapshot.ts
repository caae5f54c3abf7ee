import type { SeenSnapshot } from "@lifeboat/catalog";
import { lastingId, type Snapshot } from "@lifeboat/engine";

/** What the history keeps of a snapshot that a job has seen in a repository. */
export function seenSnapshot(repository: string, asset: string, snapshot: Snapshot): SeenSnapshot {
  const run = snapshot.tags?.find((tag) => tag.startsWith("run="))?.slice("run=".length);
  return {
    repository,
    id: snapshot.id,
    original: lastingId(snapshot),
    asset,
    run: run ?? null,
    time: snapshot.time,
    bytes: snapshot.summary?.total_bytes_processed ?? null,
    files: snapshot.summary?.total_files_processed ?? null,
  };
}
