import type { Repository } from "../repository/repository.ts";

/** A pack and what of it is still named by a snapshot. */
export interface PrunePack {
  readonly id: string;
  readonly bytes: number;
  readonly usedBytes: number;
  readonly unusedBytes: number;
}

/** What a prune will do, made from a repository at rest; `executePrune` does it once, and only if nothing has changed since. */
export interface PrunePlan {
  readonly url: string;
  readonly snapshots: number;
  /** Packs that no index names. */
  readonly unindexed: readonly { readonly id: string; readonly bytes: number }[];
  /** Packs of which nothing is used. */
  readonly remove: readonly PrunePack[];
  /** Packs whose used blobs move into new packs. */
  readonly repack: readonly PrunePack[];
  /** Packs that stay as they are. */
  readonly keptPacks: number;
  /** Packs that an index names, that are not there, and that nobody needs: only the index forgets them. */
  readonly missing: readonly string[];
  /** Index files that are written anew. */
  readonly rewrittenIndexFiles: number;
  readonly usedBlobs: number;
  readonly usedBytes: number;
  /** Not named by a snapshot, or further copies of a blob. */
  readonly unusedBytes: number;
  /** Unused bytes that stay, because moving what is around them costs more than they are worth. */
  readonly unusedBytesAfter: number;
  /** About what the repository shrinks by. */
  readonly freedBytes: number;
  /** True when snapshots were left out of the count that still exist: to be looked at, never executed. */
  readonly isPreview: boolean;
}

/** What `executePrune` needs besides; kept apart so that a plan is data and cannot be made up. */
export interface PruneBasis {
  /** With the index as it was when the plan was made. */
  readonly repository: Repository;
  /** Every blob that a snapshot needs. */
  readonly isUsed: (id: string, type: "data" | "tree") => boolean;
  readonly usedCount: number;
  /** Of blobs with several copies, the pack of the one that stays: key is type and id. */
  readonly chosenPack: ReadonlyMap<string, string>;
  /** Packs that are no more when all is done. */
  readonly gone: ReadonlySet<string>;
  readonly indexFiles: readonly string[];
  readonly rewrite: readonly string[];
  readonly snapshotIds: readonly string[];
}

const bases = new WeakMap<PrunePlan, PruneBasis>();

export function registerPlan(plan: PrunePlan, basis: PruneBasis): PrunePlan {
  bases.set(plan, basis);
  return plan;
}

/** A plan is good for once: undefined the second time. */
export function takeBasis(plan: PrunePlan): PruneBasis | undefined {
  const basis = bases.get(plan);
  bases.delete(plan);
  return basis;
}

export function keyOfBlob(id: string, type: "data" | "tree"): string {
  return `${type} ${id}`;
}

/** For people, a line each. */
export function describePrunePlan(plan: PrunePlan): string[] {
  const sum = (packs: readonly { readonly bytes: number }[]) => formatBytes(packs.reduce((bytes, pack) => bytes + pack.bytes, 0));
  const lines = [
    `${plan.snapshots === 1 ? "1 snapshot needs" : `${plan.snapshots} snapshots need`} ${plan.usedBlobs} blobs, ${formatBytes(plan.usedBytes)}; ${formatBytes(plan.unusedBytes)} are not needed`,
  ];
  if (plan.unindexed.length > 0) lines.push(`delete ${plan.unindexed.length} packs that no index names, ${sum(plan.unindexed)}`);
  if (plan.repack.length > 0) {
    const moved = plan.repack.reduce((bytes, pack) => bytes + pack.usedBytes, 0);
    lines.push(`move ${formatBytes(moved)} out of ${plan.repack.length} packs, ${sum(plan.repack)}, and delete these`);
  }
  if (plan.remove.length > 0) lines.push(`delete ${plan.remove.length} packs of which nothing is needed, ${sum(plan.remove)}`);
  if (plan.missing.length > 0) lines.push(`forget ${plan.missing.length} packs that are not there and that nobody needs`);
  if (plan.rewrittenIndexFiles > 0) lines.push(`write ${plan.rewrittenIndexFiles} index files anew`);
  lines.push(`keep ${plan.keptPacks} packs as they are, with ${formatBytes(plan.unusedBytesAfter)} that are not needed`);
  lines.push(`free about ${formatBytes(plan.freedBytes)}`);
  return lines;
}

function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
