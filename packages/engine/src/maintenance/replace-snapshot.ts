import { encodeSnapshot, lastingId, objectName, type Snapshot, type SnapshotFields } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";

/**
 * A snapshot is never changed: another one takes its place, with `original` for its lasting identity, as restic's `tag` and `rewrite`
 * do. The caller holds the exclusive lock. `all` are the repository's snapshots: what an earlier call that was killed has stored is used.
 * Errors: those of the store; the old one is then still there.
 */
export async function replaceSnapshot(
  repository: Repository,
  old: Snapshot,
  changes: Partial<SnapshotFields>,
  all: readonly Snapshot[],
): Promise<Snapshot> {
  const { id: _, ...before } = old;
  const fields: SnapshotFields = { ...before, ...changes, original: lastingId(old) };
  const wanted = encodeSnapshot(fields);
  const twin = all.find((other) => other.id !== old.id && encodeSnapshot(other) === wanted);
  const stored = twin ?? (await repository.saveSnapshot(fields));
  // The new one is durable. Killed here, both are there, and name the same data or what is left of it.
  await repository.store.delete(objectName("snapshot", old.id));
  return stored;
}
