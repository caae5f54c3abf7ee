import { formatWithOffset, LifeboatError, parseAssetName } from "@lifeboat/model";
import type { Snapshot } from "../format/index.ts";
import { parseWhen, type When } from "./parse-when.ts";

/** All that are given must hold. */
export interface SnapshotFilter {
  /** "HOST/SOURCE", the tag `asset=HOST/SOURCE`. */
  readonly asset?: string | undefined;
  readonly host?: string | undefined;
  /** Each must be one of the snapshot's paths. */
  readonly paths?: readonly string[] | undefined;
  /** Each must be one of the snapshot's tags. */
  readonly tags?: readonly string[] | undefined;
}

/** `ASSET@WHEN:PATH` and its shorter forms. */
export interface SnapshotAddress {
  readonly asset?: string;
  readonly when: string;
  /** Absolute. */
  readonly path?: string;
}

export interface FoundSnapshot {
  readonly snapshot: Snapshot;
  /** Its id was given: no other one could be meant. */
  readonly isNamed: boolean;
  /** How many more of the same day there are before it: to be said to the person who named a date. */
  readonly othersThatDay: number;
}

export function filterSnapshots(snapshots: readonly Snapshot[], filter: SnapshotFilter): Snapshot[] {
  const { asset, host, paths = [], tags = [] } = filter;
  return snapshots.filter(
    (snapshot) =>
      (asset === undefined || assetOfSnapshot(snapshot) === asset) &&
      (host === undefined || snapshot.hostname === host) &&
      paths.every((path) => snapshot.paths.includes(path)) &&
      tags.every((tag) => snapshot.tags?.includes(tag)),
  );
}

/** From the tag `asset=HOST/SOURCE`; undefined for snapshots of other programs. */
export function assetOfSnapshot(snapshot: Pick<Snapshot, "tags">): string | undefined {
  return valueOfTag(snapshot, "asset=");
}

/** From the tag `run=ID`; undefined for snapshots of other programs. */
export function runOfSnapshot(snapshot: Pick<Snapshot, "tags">): string | undefined {
  return valueOfTag(snapshot, "run=");
}

function valueOfTag({ tags }: Pick<Snapshot, "tags">, beginning: string): string | undefined {
  return tags?.find((tag) => tag.startsWith(beginning))?.slice(beginning.length);
}

/**
 * `web1/uploads@3d:/srv/www`, `web1/uploads`, `latest:/etc`, `2026-11-20`. What WHEN means is for `findSnapshot` to judge.
 * Throws `usage` where it is empty: a script's variable that was not set must not become the newest snapshot.
 */
export function parseSnapshotAddress(text: string): SnapshotAddress {
  const slash = text.indexOf(":/");
  const head = slash === -1 ? text : text.slice(0, slash);
  const path = slash === -1 ? {} : { path: text.slice(slash + 1) };
  if (parseAssetName(head) !== undefined) return { asset: head, when: "latest", ...path };
  const at = head.indexOf("@");
  const [asset, when] = at === -1 ? [undefined, head] : [head.slice(0, at), head.slice(at + 1)];
  if (when.trim() === "" || asset === "") {
    throw new LifeboatError("usage", `"${text}" does not say which snapshot`, {
      hint: 'Use latest, an id, 2026-11-20, 3d, or "before 2026-11-20 14:00", also after ASSET@.',
    });
  }
  return { ...(asset !== undefined && { asset }), when, ...path };
}

/**
 * The snapshot that an address names; `when` as `parseWhen` reads it.
 * Errors: `snapshot-not-found`; `usage` for an address that cannot be read or an id that fits several.
 */
export function findSnapshot(
  snapshots: readonly Snapshot[],
  address: string | SnapshotAddress,
  options: SnapshotFilter & { readonly now: number; readonly timezone: string },
): FoundSnapshot {
  const parsed = typeof address === "string" ? parseSnapshotAddress(address) : address;
  const filter = { ...options, asset: parsed.asset ?? options.asset };
  const when = parseWhen(parsed.when, options);
  if (when === undefined) {
    throw new LifeboatError("usage", `"${parsed.when}" names no snapshot`, {
      hint: 'Use latest, an id, 2026-11-20, 3d, or "before 2026-11-20 14:00".',
    });
  }
  const candidates = filterSnapshots(snapshots, filter).sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  const named = candidates.filter((snapshot) => fits(snapshot, when));
  // On a replica people may know a snapshot by the id that it has at its source.
  const fitting =
    named.length > 0 || when.kind !== "id" ? named : candidates.filter(({ original }) => original?.startsWith(when.prefix));
  const snapshot = fitting.at(-1);
  if (snapshot === undefined) throw notFound(parsed.when, filter, candidates, options.timezone);
  if (when.kind === "id" && fitting.length > 1) {
    const ids = fitting.slice(-5).map(({ id }) => id.slice(0, Math.max(12, when.prefix.length + 4)));
    throw new LifeboatError("usage", `id ${when.prefix} fits ${fitting.length} snapshots: ${ids.join(", ")}`, {
      hint: "Give more digits of the id.",
    });
  }
  return { snapshot, isNamed: when.kind === "id", othersThatDay: when.kind === "within" ? fitting.length - 1 : 0 };
}

function fits(snapshot: Snapshot, when: When): boolean {
  if (when.kind === "latest") return true;
  if (when.kind === "id") return snapshot.id.startsWith(when.prefix);
  const ms = Date.parse(snapshot.time);
  if (when.kind === "within") return ms >= when.fromMs && ms < when.toMs;
  return ms < when.ms || (when.orAt && ms === when.ms);
}

function notFound(when: string, filter: SnapshotFilter, candidates: readonly Snapshot[], timezone: string): LifeboatError {
  const parts = [
    filter.asset && `of ${filter.asset}`,
    filter.host && `of host ${filter.host}`,
    filter.paths?.length && `with path ${filter.paths.join(", ")}`,
    filter.tags?.length && `with tag ${filter.tags.join(", ")}`,
  ].filter(Boolean);
  const what = ["snapshot", ...parts].join(" ");
  if (candidates.length === 0) return new LifeboatError("snapshot-not-found", `there is no ${what}`);
  const day = (snapshot: Snapshot) => formatWithOffset(Date.parse(snapshot.time), timezone).slice(0, 16).replace("T", " ");
  const range = `there are ${candidates.length}, from ${day(candidates[0]!)} to ${day(candidates.at(-1)!)}`;
  return new LifeboatError("snapshot-not-found", `no ${what} fits "${when}"; ${range}`);
}
