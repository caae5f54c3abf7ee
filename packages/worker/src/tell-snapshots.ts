import { isRepaired, type Snapshot } from "@lifeboat/engine";
import { seenSnapshot } from "@lifeboat/jobs";
import { keepTrying } from "./keep-trying.ts";
import type { WorkerOptions } from "./worker-options.ts";

/** By repository: all snapshots of the asset that it holds. */
export type SeenInRepositories = ReadonlyMap<string, readonly Snapshot[]>;

/**
 * Does the work, and gives the history exactly what it has seen of the asset, also after it failed. What the history knew before the look
 * and is not there is gone, whoever took it: an attempt that was killed before it could say so, a person, the store itself. What others
 * record or forget meanwhile stays as they say. Killed before the telling: the next look tells it.
 */
export async function withSnapshotsTold<T>(
  { catalog, jobs }: Pick<WorkerOptions, "catalog" | "jobs">,
  asset: string,
  work: () => Promise<{ readonly outcome: T; readonly seen: SeenInRepositories }>,
): Promise<T> {
  const known = await catalog.seenSnapshots({ asset, limit: 100_000 });
  const { outcome, seen } = await work();
  for (const [repository, snapshots] of seen) {
    const before = new Set(known.filter((row) => row.repository === repository).map(({ id }) => id));
    const there = new Set(snapshots.map(({ id }) => id));
    // One that was repaired may be known as the good copy of its run, from a time when that was not looked at.
    const fresh = snapshots.filter((snapshot) => !before.has(snapshot.id) || isRepaired(snapshot));
    const rows = fresh.map((snapshot) => ({ ...seenSnapshot(repository, snapshot), asset }));
    if (rows.length > 0) await keepTrying(jobs, () => catalog.recordSnapshots(rows));
    const gone = [...before].filter((id) => !there.has(id));
    if (gone.length > 0) await keepTrying(jobs, () => catalog.forgetSnapshots(repository, gone));
  }
  return outcome;
}
