import { type Clock, epochFromRfc3339, isLifeboatError, LifeboatError, type ProgressListener } from "@lifeboat/model";
import { lastingId, type Snapshot, type SnapshotFields, type TreeNode } from "../format/index.ts";
import { BlobIndex } from "../repository/blob-index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import type { Repository } from "../repository/repository.ts";
import { BlobReader } from "../restorer/blob-reader.ts";
import { copyDataBlobs } from "./copy-data-blobs.ts";
import { createProgressReporter, type ProgressReporter } from "./progress-reporter.ts";
import { isDamage, walkTrees } from "./walk-trees.ts";

export interface CopyOptions {
  /** Those to copy; default all of the source. */
  readonly snapshots?: readonly Snapshot[] | undefined;
  /** Those that are there already are gone through as well, and what they have lost is stored again. */
  readonly completeCopies?: boolean | undefined;
  readonly signal: AbortSignal;
  /** Called before snapshots are committed; throw to stop: a lost lock protects nothing. */
  readonly beforeCommit?: (() => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
}

export interface CopyResult {
  /** Ids in the source and in the destination. */
  readonly copied: readonly { readonly from: string; readonly to: string }[];
  /** Those that the destination had already. */
  readonly skipped: readonly { readonly from: string; readonly to: string }[];
  /** Snapshots that the source cannot give any more; nothing of them was committed. */
  readonly failed: readonly { readonly from: string; readonly error: LifeboatError }[];
  /** Plain bytes of blobs that the destination did not have. */
  readonly bytes: number;
  /** Of them what copies had lost that were there already. */
  readonly bytesCompleted: number;
  /** Bytes they occupy there. */
  readonly bytesPacked: number;
}

/** Snapshots are committed together until so much was stored: each commit closes its packs, and small packs are waste. */
const commitBytes = 512 * 1024 * 1024;
/** Blobs remembered before they are copied: bounds memory for trees of any size. */
const maxBlobsWaiting = 32_768;

/**
 * Copies snapshots without cutting anything anew: folders byte for byte, blobs by their ids, opened and verified with the source's
 * key and sealed with the destination's. `original` names the source's lasting identity, `parent` has no meaning there.
 *
 * Order: packs, then their index, then the snapshots. A kill leaves at most 512 MiB of packs that no index names, which a prune removes; what
 * stops it in any other way leaves blobs that no snapshot names: the next copy finds them in the index and goes on from there (not when a
 * store was away or the lock was lost: then it is as after a kill). The caller holds a shared lock on both.
 * Later native backups share blobs with the copies only when the destination was initialised with the source's polynomial.
 */
export async function copySnapshots(source: Repository, destination: Repository, options: CopyOptions): Promise<CopyResult> {
  if (source.config.id === destination.config.id) {
    throw new LifeboatError("usage", `${source.store.url} and ${destination.store.url} are the same repository`, {
      hint: "A replica is a repository of its own: create it with 'lifeboat repo init'.",
    });
  }
  const { signal } = options;
  const wanted = [...(options.snapshots ?? (await source.listSnapshots({ signal })))].sort(
    (a, b) => Date.parse(a.time) - Date.parse(b.time),
  );
  const { missing, skipped } = matchCopies(wanted, await destination.listSnapshots({ signal }));
  const there = options.completeCopies === true ? wanted.filter((snapshot) => !missing.includes(snapshot)) : [];
  if (missing.length + there.length === 0) {
    return { copied: [], skipped, failed: [], bytes: 0, bytesCompleted: 0, bytesPacked: 0 };
  }
  await Promise.all([source.loadIndex({ signal }), destination.loadIndex({ signal })]);
  const copier = new SnapshotCopier(source, destination, options, missing.length + there.length);
  try {
    for (const snapshot of there) await copier.complete(snapshot);
    for (const snapshot of missing) await copier.copy(snapshot);
    await copier.commit();
  } catch (error) {
    await copier.keepWhatIsStored(error);
    throw error;
  } finally {
    await copier.close();
  }
  return { ...copier.result(), skipped };
}

/** Which of the wanted snapshots are missing there, and which have a copy. */
export function matchCopies(
  wanted: readonly Snapshot[],
  there: readonly Snapshot[],
): { readonly missing: readonly Snapshot[]; readonly skipped: CopyResult["skipped"] } {
  const skipped: { from: string; to: string }[] = [];
  const missing: Snapshot[] = [];
  for (const snapshot of wanted) {
    const twin = there.find((other) => isCopyOf(other, snapshot));
    if (twin === undefined) missing.push(snapshot);
    else skipped.push({ from: snapshot.id, to: twin.id });
  }
  return { missing, skipped };
}

class SnapshotCopier {
  readonly #source: Repository;
  readonly #destination: Repository;
  readonly #writer: BlobWriter;
  readonly #reader: BlobReader;
  readonly #signal: AbortSignal;
  readonly #reporter: ProgressReporter;
  readonly #total: number;
  readonly #beforeCommit: (() => Promise<void>) | undefined;
  readonly #copied: { from: string; to: string }[] = [];
  readonly #failed: { from: string; error: LifeboatError }[] = [];
  #visited = new BlobIndex();
  /** Snapshots whose blobs are handed over and not durable yet. */
  #ready: Snapshot[] = [];
  #waiting: string[] = [];
  #flushing: Promise<void> = Promise.resolve();
  #damage: LifeboatError | undefined;
  #bytesAtCommit = 0;
  #bytesHandled = 0;
  #bytesCompleted = 0;

  constructor(source: Repository, destination: Repository, options: CopyOptions, total: number) {
    this.#source = source;
    this.#destination = destination;
    this.#signal = options.signal;
    this.#total = total;
    this.#beforeCommit = options.beforeCommit;
    this.#writer = new BlobWriter(destination, { signal: options.signal });
    this.#reader = new BlobReader(source, { willRelease: true });
    this.#reporter = createProgressReporter(options.clock, options.progress);
  }

  async complete(snapshot: Snapshot): Promise<void> {
    await this.#copyContent(snapshot);
    this.#bytesCompleted = this.#writer.figures.bytesAdded;
  }

  async copy(snapshot: Snapshot): Promise<void> {
    if (!(await this.#copyContent(snapshot))) return;
    this.#ready.push(snapshot);
    if (this.#writer.figures.bytesAdded - this.#bytesAtCommit >= commitBytes) await this.commit();
  }

  /** False: the source cannot give all of it. */
  async #copyContent(snapshot: Snapshot): Promise<boolean> {
    this.#damage = undefined;
    try {
      await walkTrees({
        repository: this.#source,
        roots: [{ tree: snapshot.tree, snapshot: snapshot.id }],
        visited: this.#visited,
        signal: this.#signal,
        onTree: (_, nodes, bytes) => this.#copyTree(nodes, bytes),
      });
      await this.#flush();
    } catch (error) {
      if (!isDamage(error) || this.#signal.aborted) throw error;
      this.#damage = error;
    }
    if (this.#damage !== undefined) {
      this.#failed.push({ from: snapshot.id, error: this.#damage });
      // Folders seen on the way may miss blobs below them: the next snapshot must look at them again.
      this.#visited = new BlobIndex();
      this.#waiting = [];
    }
    return this.#damage === undefined;
  }

  /** Everything handed over becomes durable and indexed, then the snapshots that need it are stored. */
  async commit(): Promise<void> {
    // An index must not name packs that a prune has taken since.
    await this.#beforeCommit?.();
    await this.#writer.finish();
    this.#bytesAtCommit = this.#writer.figures.bytesAdded;
    if (this.#ready.length > 0) await this.#beforeCommit?.();
    for (const snapshot of this.#ready.splice(0)) {
      const saved = await this.#destination.saveSnapshot(fieldsOfCopy(snapshot));
      this.#copied.push({ from: snapshot.id, to: saved.id });
    }
  }

  /** Not without the lock: a prune may have taken packs that no index names yet. A store that is away would only be waited for. */
  async keepWhatIsStored(error: unknown): Promise<void> {
    if (isLifeboatError(error, "store-unreachable")) return;
    try {
      await this.#beforeCommit?.();
      await this.#writer.indexWhatIsStored();
    } catch {
      // What stopped the copy is what is told.
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#writer.close(), this.#reader.close()]);
  }

  result(): Omit<CopyResult, "skipped"> {
    const { bytesAdded, bytesAddedPacked } = this.#writer.figures;
    return {
      copied: this.#copied,
      failed: this.#failed,
      bytes: bytesAdded,
      bytesCompleted: this.#bytesCompleted,
      bytesPacked: bytesAddedPacked,
    };
  }

  async #copyTree(nodes: readonly TreeNode[], bytes: Buffer): Promise<void> {
    for (const { content } of nodes) {
      for (const id of content ?? []) if (!this.#destination.index.has(id, "data")) this.#waiting.push(id);
    }
    this.#writer.saveTree(bytes);
    await this.#writer.ready();
    if (this.#waiting.length >= maxBlobsWaiting) await this.#flush();
  }

  /** One at a time: folders are walked several at once. */
  #flush(): Promise<void> {
    this.#flushing = this.#flushing.then(async () => {
      const ids = this.#waiting;
      this.#waiting = [];
      const damages = await copyDataBlobs({
        from: this.#source,
        reader: this.#reader,
        writer: this.#writer,
        ids,
        signal: this.#signal,
        onBytes: (bytes) => {
          this.#bytesHandled += bytes;
          this.#reporter.tell(() => ({
            phase: `copying snapshot ${this.#copied.length + this.#ready.length + this.#failed.length + 1} of ${this.#total}`,
            bytes_done: this.#bytesHandled,
          }));
        },
      });
      this.#damage ??= damages[0];
    });
    return this.#flushing;
  }
}

function fieldsOfCopy(snapshot: Snapshot): SnapshotFields {
  const { id: _id, parent: _parent, ...fields } = snapshot;
  return { ...fields, original: lastingId(snapshot) };
}

/** As restic decides: the same identity, and nothing that matters was changed since. */
function isCopyOf(copy: Snapshot, snapshot: Snapshot): boolean {
  const identity = lastingId(snapshot);
  return (
    (copy.original === identity || copy.id === identity) &&
    copy.tree === snapshot.tree &&
    copy.hostname === snapshot.hostname &&
    copy.username === snapshot.username &&
    isSameTime(copy.time, snapshot.time) &&
    isSameList(copy.paths, snapshot.paths) &&
    isSameList(copy.excludes ?? [], snapshot.excludes ?? []) &&
    isSameList(copy.tags ?? [], snapshot.tags ?? [])
  );
}

function isSameTime(a: string, b: string): boolean {
  const left = epochFromRfc3339(a);
  const right = epochFromRfc3339(b);
  if (left === undefined || right === undefined) return a === b;
  return left.seconds === right.seconds && left.nanos === right.nanos;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  const right = [...b].sort();
  return a.length === b.length && [...a].sort().every((item, at) => item === right[at]);
}
