export type GroupDimension = "host" | "paths" | "tags" | "asset";

export interface GroupCandidate {
  readonly hostname?: string | undefined;
  readonly paths: readonly string[];
  readonly tags?: readonly string[] | undefined;
}

export interface SnapshotGroup<T> {
  /** Only the dimensions that were asked for. */
  readonly host?: string;
  readonly paths?: readonly string[];
  readonly tags?: readonly string[];
  readonly asset?: string;
  readonly snapshots: readonly T[];
}

/**
 * Snapshots that a retention rule looks at together, as restic's `--group-by`; `asset` is Lifeboat's own, and lasts when the paths of a
 * source change. Groups in the order of their first snapshot.
 */
export function groupSnapshots<T extends GroupCandidate>(
  snapshots: readonly T[],
  dimensions: readonly GroupDimension[],
): SnapshotGroup<T>[] {
  const groups = new Map<string, SnapshotGroup<T> & { readonly snapshots: T[] }>();
  for (const snapshot of snapshots) {
    const { hostname = "", paths, tags = [] } = snapshot;
    const asset = tags.find((tag) => tag.startsWith("asset="))?.slice("asset=".length) ?? "";
    const key = {
      ...(dimensions.includes("host") && { host: hostname }),
      ...(dimensions.includes("paths") && { paths: [...paths].sort() }),
      ...(dimensions.includes("tags") && { tags: [...tags].sort() }),
      ...(dimensions.includes("asset") && { asset }),
    };
    const name = JSON.stringify(key);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { ...key, snapshots: [snapshot] });
    else group.snapshots.push(snapshot);
  }
  return [...groups.values()];
}
