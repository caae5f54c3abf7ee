import { assetOfSnapshot, isRepaired, lastingId, runOfSnapshot, type Snapshot } from "@lifeboat/engine";

/** What a history keeps of a snapshot that lies in the repository of this name. */
export function seenSnapshot(repository: string, snapshot: Snapshot) {
  return {
    repository,
    id: snapshot.id,
    original: lastingId(snapshot),
    asset: assetOfSnapshot(snapshot) ?? null,
    // One that was repaired lacks content, whatever its run had made: it is no copy of that run.
    run: isRepaired(snapshot) ? null : (runOfSnapshot(snapshot) ?? null),
    time: snapshot.time,
    bytes: snapshot.summary?.total_bytes_processed ?? null,
    files: snapshot.summary?.total_files_processed ?? null,
  };
}
