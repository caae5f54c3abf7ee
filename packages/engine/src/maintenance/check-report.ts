import type { ByteString } from "@lifeboat/model";

export type CheckErrorKind =
  | "index-damaged"
  | "index-conflict"
  | "pack-missing"
  | "pack-size"
  | "pack-damaged"
  | "snapshot-damaged"
  | "tree-missing"
  | "tree-damaged"
  | "blob-missing"
  | "node-invalid";

export interface CheckError {
  readonly kind: CheckErrorKind;
  /** Of the damaged or missing object or blob. */
  readonly id: string;
  /** For people. */
  readonly detail: string;
}

/**
 * Which data to read, besides the structure: none, all, the packs of part n of t (stable, as restic parts them: 1 <= n <= t <= 256), a
 * share of all packs, or packs of about so many bytes; the last two are others each time.
 */
export type ReadDataChoice =
  | boolean
  | { readonly part: number; readonly of: number }
  | { readonly ratio: number }
  | { readonly bytes: number };

/** A file that cannot be restored whole any more, because its only copy of a blob is lost. */
export interface AffectedFile {
  readonly snapshot: string;
  readonly path: ByteString;
  readonly pack: string;
}

export interface CheckReport {
  /** The first thousand; empty = the repository is sound, as far as was read. */
  readonly errors: readonly CheckError[];
  readonly errorCount: number;
  /** What is no damage and worth knowing. */
  readonly hints: readonly string[];
  readonly snapshots: number;
  readonly indexFiles: number;
  readonly packs: number;
  /** Blobs in the index, copies included. */
  readonly blobs: number;
  /** Distinct folders that were walked. */
  readonly trees: number;
  /** Packs that no index names: left by a killed run, harmless. */
  readonly unindexedPacks: number;
  readonly unindexedBytes: number;
  /** Packs read whole, and their bytes. */
  readonly packsRead: number;
  readonly bytesRead: number;
  /** Files hit by damaged or missing packs, newest snapshot that holds them first; the first hundred. */
  readonly affected: readonly AffectedFile[];
  readonly affectedCount: number;
}

const maxErrorsKept = 1000;

/** Collects errors without end in bounded memory. */
export class CheckErrors {
  readonly kept: CheckError[] = [];
  /** Which blobs of a damaged pack are lost: all of them, where it was not read. */
  readonly badPacks = new Map<string, "all" | ReadonlySet<string>>();
  count = 0;

  /** `badBlobs`: the lost ones of a pack that was read. */
  add(kind: CheckErrorKind, id: string, detail: string, badBlobs?: readonly string[]): void {
    this.count++;
    if (kind.startsWith("pack-")) this.badPacks.set(id, badBlobs === undefined ? "all" : new Set(badBlobs));
    if (this.kept.length < maxErrorsKept) this.kept.push({ kind, id, detail });
  }
}
