import { isId } from "./object-names.ts";

/** restic's summary, all members present, whole numbers only (a float makes restic refuse the snapshot). */
export interface SnapshotSummary {
  readonly backup_start: string;
  readonly backup_end: string;
  readonly files_new: number;
  readonly files_changed: number;
  readonly files_unmodified: number;
  readonly dirs_new: number;
  readonly dirs_changed: number;
  readonly dirs_unmodified: number;
  readonly data_blobs: number;
  readonly tree_blobs: number;
  readonly data_added: number;
  readonly data_added_packed: number;
  readonly total_files_processed: number;
  readonly total_bytes_processed: number;
}

export interface LifeboatFields {
  /** Paths that could not be read as they should. */
  readonly problem_count: number;
  /** What the way of reading could not tell of the files (`SourceLoss`); absent when nothing was lost. */
  readonly lost?: readonly string[];
}

/** restic's field names (repository-format 1.10). */
export interface SnapshotFields {
  /** RFC 3339 with the offset of the policy's time zone. */
  readonly time: string;
  readonly parent?: string;
  readonly tree: string;
  readonly paths: readonly string[];
  readonly hostname?: string;
  readonly username?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly excludes?: readonly string[];
  readonly tags?: readonly string[];
  readonly original?: string;
  readonly program_version?: string;
  readonly summary?: SnapshotSummary;
  /** Lifeboat's own: restic ignores it and drops it when it saves the snapshot again. Nothing vital stands here alone. */
  readonly lifeboat?: LifeboatFields;
}

export interface Snapshot extends SnapshotFields {
  readonly id: string;
}

const order: readonly (keyof SnapshotFields)[] = [
  "time",
  "parent",
  "tree",
  "paths",
  "hostname",
  "username",
  "uid",
  "gid",
  "excludes",
  "tags",
  "original",
  "program_version",
  "summary",
  "lifeboat",
];

export function encodeSnapshot(fields: SnapshotFields): string {
  const written: Record<string, unknown> = {};
  for (const key of order) {
    const value = fields[key];
    const empty = value === undefined || value === "" || (Array.isArray(value) && value.length === 0 && key !== "paths");
    if (!empty && !((key === "uid" || key === "gid") && value === 0)) written[key] = value;
  }
  return JSON.stringify(written);
}

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];

/** Throws an Error with the reason. Members that Lifeboat does not know are dropped. */
export function decodeSnapshot(id: string, json: unknown): Snapshot {
  const raw = json as Partial<Record<keyof SnapshotFields, unknown>> | null;
  if (typeof raw?.tree !== "string" || !isId(raw.tree)) throw new Error("snapshot without a tree");
  if (typeof raw.time !== "string" || Number.isNaN(Date.parse(raw.time))) throw new Error("snapshot without a time");
  const text = <K extends keyof SnapshotFields>(key: K) => (typeof raw[key] === "string" ? { [key]: raw[key] } : {});
  const number = <K extends keyof SnapshotFields>(key: K) => (typeof raw[key] === "number" ? { [key]: raw[key] } : {});
  return {
    id,
    time: raw.time,
    tree: raw.tree,
    paths: texts(raw.paths),
    tags: texts(raw.tags),
    excludes: texts(raw.excludes),
    ...text("parent"),
    ...text("hostname"),
    ...text("username"),
    ...text("original"),
    ...text("program_version"),
    ...number("uid"),
    ...number("gid"),
    ...lifeboatMember(raw.lifeboat),
    ...(typeof raw.summary === "object" && raw.summary !== null && { summary: raw.summary as SnapshotSummary }),
  };
}

function lifeboatMember(value: unknown): Pick<SnapshotFields, "lifeboat"> {
  const { problem_count: count, lost } = (value ?? {}) as { problem_count?: unknown; lost?: unknown };
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0) return {};
  const losses = texts(lost);
  return { lifeboat: { problem_count: count, ...(losses.length > 0 && { lost: losses }) } };
}

/** The identity that survives `tag`, `rewrite` and `copy`; side data refers to it. */
export function lastingId(snapshot: Snapshot): string {
  return snapshot.original ?? snapshot.id;
}
