import { filterSnapshots, findSnapshot, type Repository, type Snapshot } from "@lifeboat/engine";
import { LifeboatError } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";
import { snapshotFilterOptions } from "./open-snapshot.ts";
import type { Session } from "./session.ts";

/** Filters of commands that take many snapshots. */
export const manySnapshotsOptions = [
  ...snapshotFilterOptions,
  { flags: "--asset <ASSET>", description: "only snapshots of this asset, HOST/SOURCE" },
  { flags: "--path <PATH...>", description: "only snapshots of exactly this path" },
] as const;

export interface PickedSnapshots {
  /** Oldest first, each once. */
  readonly snapshots: readonly Snapshot[];
  /** Of all in the repository. */
  readonly all: readonly Snapshot[];
  /** Nothing was named: these are all. */
  readonly isEverything: boolean;
}

/** Those that the words name (ids, ASSET@WHEN), else all that the filters let pass. Errors: `snapshot-not-found`, `usage`. */
export async function pickSnapshots(
  session: Session,
  values: OptionValues,
  repository: Repository,
  timezone: string,
): Promise<PickedSnapshots> {
  const all = await repository.listSnapshots({ signal: session.signal });
  const filter = {
    asset: values.text("asset"),
    host: values.text("host"),
    tags: values.texts("tag"),
    paths: values.texts("path"),
  };
  const isEverything = values.words.length === 0 && filter.asset === undefined && filter.host === undefined;
  if (values.words.length === 0) {
    const snapshots = filterSnapshots(all, filter);
    return { snapshots, all, isEverything: isEverything && filter.tags.length + filter.paths.length === 0 };
  }
  const named = new Map<string, Snapshot>();
  for (const word of values.words) {
    if (/:\//.test(word)) throw new LifeboatError("usage", `"${word}" names a path; only whole snapshots can be named here`);
    const { snapshot } = findSnapshot(all, word, { ...filter, now: session.clock.now(), timezone });
    named.set(snapshot.id, snapshot);
  }
  return { snapshots: all.filter(({ id }) => named.has(id)), all, isEverything: false };
}
