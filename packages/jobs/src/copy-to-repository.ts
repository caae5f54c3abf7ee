import {
  type CopyResult,
  type CopySideResult,
  copySideData,
  copySnapshots,
  lastingId,
  type Repository,
  replicatedSideKinds,
  type SideFingerprints,
  type Snapshot,
} from "@lifeboat/engine";
import type { JobContext } from "./job-context.ts";

export interface CopyOrder {
  readonly context: JobContext;
  readonly source: Repository;
  readonly destination: Repository;
  readonly snapshots: readonly Snapshot[];
  /**
   * What is copied besides: everything that replicas keep, or only what a restore of these snapshots wants to know. Who is given some
   * snapshots must not get the history of all others with them.
   */
  readonly side: "all" | "theirs";
  /** See `CopyOptions`. */
  readonly completeCopies?: boolean;
  readonly beforeCommit: () => Promise<void>;
}

/**
 * For this process's life, of all repositories: a worker that copies each backup must not read the records of years each time, which never
 * change. Some 30 MiB at most; when there are more, reading begins anew.
 */
const fingerprints: SideFingerprints = new Map();
const maxFingerprints = 100_000;

/**
 * Snapshots, then side data: a copy never speaks of what it does not hold. The caller holds a shared lock on both. Killed: packs without a
 * snapshot (see `copySnapshots`).
 */
export async function copyToRepository(
  order: CopyOrder,
): Promise<{ readonly copied: CopyResult; readonly side: CopySideResult }> {
  const { source, destination, snapshots, completeCopies, beforeCommit } = order;
  const { signal, clock, progress } = order.context;
  const options = { snapshots, completeCopies, signal, clock, progress, beforeCommit };
  const copied = await copySnapshots(source, destination, options);
  if (fingerprints.size > maxFingerprints) fingerprints.clear();
  if (order.side === "all") {
    return { copied, side: await copySideData(source, destination, replicatedSideKinds, { signal, fingerprints }) };
  }
  const failed = new Set(copied.failed.map(({ from }) => from));
  const there = new Set(snapshots.filter(({ id }) => !failed.has(id)).flatMap((snapshot) => [snapshot.id, lastingId(snapshot)]));
  const isWanted = (_: unknown, value: unknown) => there.has(String((value as { snapshot?: unknown } | null)?.snapshot));
  return { copied, side: await copySideData(source, destination, ["facts"], { signal, fingerprints, isWanted }) };
}
