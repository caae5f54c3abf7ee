import { LifeboatError, messageOf } from "@lifeboat/model";
import { sha256Hex } from "../crypto/index.ts";
import { type BlobType, encodeIndex, headerEntryBytes, type IndexedPack, maxBlobsPerIndex, objectName } from "../format/index.ts";
import {
  type BlobBatch,
  finishPack,
  mergeRemainders,
  type SealedPack,
  SealingPool,
  type SpareMemory,
  targetPackBytes,
} from "../sealing/index.ts";
import { BlobStream } from "./blob-stream.ts";
import { Limiter } from "./limiter.ts";
import type { Repository } from "./repository.ts";

/**
 * Plain bytes handed to the threads and not sealed yet: a chunk of the largest size, and for each thread a batch. What
 * waits beyond that takes memory, and a kill loses it.
 */
const leastBytesInWork = 8 * 1024 * 1024;
const mostBytesInWork = 24 * 1024 * 1024;
const bytesInWorkPerThread = 2 * 1024 * 1024;
/** Packs that are being stored or wait for it; each holds about 17 MiB. */
const maxPacksInFlight = 4;
/** An index file is written at the latest after so many stored bytes: a killed run loses no more work than that. */
const bytesPerIndex = 512 * 1024 * 1024;
/** At a checkpoint what is left in the open packs is joined below this: copying and hashing more on the main thread costs too much. */
const smallRestBytes = 1024 * 1024;
/** Small trees wait for each other to make one message. */
const treeBatchBytes = 512 * 1024;

/** New blobs, counted as restic's summary counts them. */
export interface WriterFigures {
  dataBlobs: number;
  treeBlobs: number;
  /** Plain bytes of new blobs. */
  bytesAdded: number;
  /** Bytes they occupy, with sealing and header entries. */
  bytesAddedPacked: number;
}

/**
 * Stores blobs: known ones are skipped, new ones are sealed by threads, packed, uploaded and indexed.
 * Order: a pack is stored before an index names it, so that a kill at any time leaves at most packs that nothing names.
 */
export class BlobWriter {
  readonly figures: WriterFigures = { dataBlobs: 0, treeBlobs: 0, bytesAdded: 0, bytesAddedPacked: 0 };
  readonly #repository: Repository;
  readonly #pool: SealingPool;
  readonly #bytesInWork: number;
  readonly #work: Limiter;
  readonly #uploads: Limiter;
  readonly #uploading = new Set<Promise<void>>();
  readonly #treeJobs = new Set<Promise<void>>();
  readonly #signal: AbortSignal | undefined;
  #unindexed: IndexedPack[] = [];
  /** Ids of the index files that were stored. */
  readonly indexFiles: string[] = [];
  #unindexedBlobs = 0;
  #unindexedBytes = 0;
  #indexing: Promise<void> = Promise.resolve();
  #trees: { ids: string[]; parts: Buffer[]; bytes: number } = { ids: [], parts: [], bytes: 0 };
  #failure: { error: unknown } | undefined;

  constructor(repository: Repository, options: { threads?: number | undefined; signal?: AbortSignal | undefined } = {}) {
    this.#repository = repository;
    this.#signal = options.signal;
    this.#uploads = new Limiter(repository.store.connections);
    this.#pool = new SealingPool(
      { masterKey: repository.masterKey, polynomial: repository.config.chunkerPolynomial },
      {
        ...(options.threads !== undefined && { threads: options.threads }),
        onPack: (pack) => this.#upload(pack),
        onFailure: (error) => this.#fail(error),
      },
    );
    this.#bytesInWork = Math.min(leastBytesInWork + this.#pool.threads * bytesInWorkPerThread, mostBytesInWork);
    this.#work = new Limiter(this.#bytesInWork);
    this.#signal?.addEventListener("abort", () => this.#fail(this.#signal?.reason), { once: true });
  }

  /**
   * Stores data blobs and resolves with their ids when these are known (not yet durable: `finish` waits for that).
   * The batch's buffer is given to `memory` when it is not needed any more.
   */
  async saveBatch(batch: BlobBatch, memory: SpareMemory = this.#pool.batches): Promise<readonly string[]> {
    const bytes = batch.buffer.byteLength;
    await this.ready(bytes);
    const choose = (ids: string[]) => {
      const wanted = new Uint8Array(ids.length);
      ids.forEach((id, at) => {
        if (!this.#repository.index.claim(id, "data")) return;
        wanted[at] = 1;
        this.figures.dataBlobs++;
        this.figures.bytesAdded += batch.ranges[at * 2 + 1]!;
      });
      return wanted;
    };
    return this.#pool.hashAndSeal(batch, memory, choose, () => this.#work.release(bytes));
  }

  /** Stores one folder's bytes; the id is known at once. Await `ready` now and then. */
  saveTree(bytes: Buffer): string {
    const id = sha256Hex(bytes);
    if (!this.#repository.index.claim(id, "tree")) return id;
    this.figures.treeBlobs++;
    this.figures.bytesAdded += bytes.length;
    this.#trees.ids.push(id);
    this.#trees.parts.push(bytes);
    this.#trees.bytes += bytes.length;
    if (this.#trees.bytes >= treeBatchBytes) this.#sendTrees();
    return id;
  }

  /** Any blob whose id is known, e.g. one that is copied from another repository. */
  async saveKnown(type: BlobType, id: string, plain: Uint8Array): Promise<void> {
    await this.saveKnownBatch(type, [{ id, plain }]);
  }

  /** Several of them in one message to a thread; those that are stored already are passed over. The bytes are copied. */
  async saveKnownBatch(type: BlobType, blobs: readonly { readonly id: string; readonly plain: Uint8Array }[]): Promise<void> {
    const wanted = blobs.filter(({ id }) => this.#repository.index.claim(id, type));
    if (wanted.length === 0) return;
    const bytes = wanted.reduce((sum, { plain }) => sum + plain.length, 0);
    if (type === "tree") this.figures.treeBlobs += wanted.length;
    else this.figures.dataBlobs += wanted.length;
    this.figures.bytesAdded += bytes;
    await this.ready(bytes);
    const buffer = new ArrayBuffer(bytes);
    const ranges = new Uint32Array(wanted.length * 2);
    let offset = 0;
    wanted.forEach(({ plain }, at) => {
      new Uint8Array(buffer).set(plain, offset);
      ranges.set([offset, plain.length], at * 2);
      offset += plain.length;
    });
    const ids = wanted.map(({ id }) => id);
    this.#track(this.#pool.sealKnown(type, ids, { buffer, ranges }), bytes);
  }

  /** A stream of unknown length that is cut into blobs. */
  openStream(): BlobStream {
    return new BlobStream(this, this.#pool);
  }

  /** Waits until `bytes` more may be handed over; rejects when the writer has failed. */
  async ready(bytes = 0): Promise<void> {
    // Packs that wait for their upload hold their memory: do not make more of them.
    while (this.#uploading.size >= maxPacksInFlight) await Promise.race(this.#uploading);
    await this.#work.acquire(bytes);
  }

  /** Memory for a batch, 2 MiB; it comes round again. */
  takeBatch(): ArrayBuffer {
    return this.#pool.batches.take();
  }

  release(bytes: number): void {
    this.#work.release(bytes);
  }

  /**
   * What was saved so far and whose id is known is durable and indexed when this resolves, while more is saved. What is killed before the
   * index is stored leaves packs that nothing names; an index that names a half backup harms nobody.
   */
  async makeDurable(): Promise<void> {
    this.#throwFailure();
    this.#sendTrees();
    await Promise.all(this.#treeJobs);
    this.#throwFailure();
    // Who knows a blob's id has its thread told to seal it: the flush comes after that.
    await this.#flushPacks(smallRestBytes);
    await Promise.all(this.#uploading);
    this.#saveIndex();
    await this.#indexing;
    this.#throwFailure();
  }

  /** Everything saved is durable and indexed when this resolves. */
  async finish(): Promise<void> {
    this.#sendTrees();
    await Promise.all(this.#treeJobs);
    // All of the budget: no batch is in work any more.
    await this.ready(this.#bytesInWork);
    this.#work.release(this.#bytesInWork);
    await this.#flushPacks(targetPackBytes / 2);
    while (this.#uploading.size > 0) await Promise.all(this.#uploading);
    this.#saveIndex();
    await this.#indexing;
    this.#throwFailure();
  }

  /**
   * After a failure or a stop, while the lock is still held: what was stored becomes known, so that the next run does not store it again.
   * It may not be possible: then packs are left that nothing names, as after a kill.
   */
  async indexWhatIsStored(): Promise<void> {
    while (this.#uploading.size > 0) await Promise.allSettled(this.#uploading);
    this.#saveIndex();
    await this.#indexing;
  }

  /** Stops the threads; after `finish`, or to give up. */
  async close(): Promise<void> {
    this.#fail(new LifeboatError("cancelled", "the writer was closed"));
    await this.#pool.close();
    await Promise.allSettled([...this.#uploading, this.#indexing]);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Open packs from `closeFromBytes` on are closed by their threads, in parallel; the smaller ones become one. */
  async #flushPacks(closeFromBytes: number): Promise<void> {
    const rests = sortByType(await this.#pool.flush(closeFromBytes));
    const merged = mergeRemainders(rests);
    // What was copied goes round: fresh memory for each checkpoint costs more than the checkpoint.
    const used = new Set(merged.map(({ buffer }) => buffer));
    for (const { type, buffer } of rests) if (!used.has(buffer)) this.#pool.giveBack(type, buffer);
    for (const rest of merged) this.#upload(finishPack(this.#repository.sealer, rest));
  }

  #sendTrees(): void {
    const { ids, parts, bytes } = this.#trees;
    if (ids.length === 0) return;
    this.#trees = { ids: [], parts: [], bytes: 0 };
    const buffer = new ArrayBuffer(bytes);
    const all = new Uint8Array(buffer);
    const ranges = new Uint32Array(ids.length * 2);
    let offset = 0;
    parts.forEach((part, at) => {
      all.set(part, offset);
      ranges[at * 2] = offset;
      ranges[at * 2 + 1] = part.length;
      offset += part.length;
    });
    this.#track(this.#pool.sealKnown("tree", ids, { buffer, ranges }), 0);
  }

  #track(job: Promise<void>, bytes: number): void {
    const done = job
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        if (bytes > 0) this.#work.release(bytes);
        this.#treeJobs.delete(done);
      });
    this.#treeJobs.add(done);
  }

  #upload(pack: SealedPack): void {
    if (this.#failure !== undefined) return;
    const upload = this.#put(pack)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#uploading.delete(upload));
    this.#uploading.add(upload);
  }

  async #put(pack: SealedPack): Promise<void> {
    await this.#uploads.acquire(1);
    try {
      const body = new Uint8Array(pack.buffer, 0, pack.length);
      const name = objectName("pack", pack.id);
      const metadata = pack.blobs[0]?.type === "tree";
      await this.#repository.store.put(name, body, { sha256: pack.id, signal: this.#signal, metadata });
    } finally {
      this.#uploads.release(1);
    }
    this.#repository.index.settle(pack);
    const [first] = pack.blobs;
    if (first !== undefined) this.#pool.giveBack(first.type, pack.buffer);
    this.figures.bytesAddedPacked += pack.blobs.reduce(
      (sum, blob) => sum + blob.length + headerEntryBytes(blob.uncompressedLength),
      0,
    );
    this.#unindexed.push({ id: pack.id, blobs: pack.blobs });
    this.#unindexedBlobs += pack.blobs.length;
    this.#unindexedBytes += pack.length;
    if (this.#unindexedBlobs >= maxBlobsPerIndex || this.#unindexedBytes >= bytesPerIndex) this.#saveIndex();
  }

  /** A kill before the PUT leaves packs that nothing names: harmless, prune takes them or the next backup stores them again. */
  #saveIndex(): void {
    const packs = this.#unindexed;
    if (packs.length === 0) return;
    this.#unindexed = [];
    this.#unindexedBlobs = 0;
    this.#unindexedBytes = 0;
    this.#indexing = this.#indexing
      .then(async () => {
        this.indexFiles.push(await this.#repository.saveUnpacked("index", encodeIndex(packs)));
      })
      .catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    const known = error instanceof Error && error.name === "LifeboatError";
    this.#failure = { error: known || this.#signal?.aborted ? error : new Error(messageOf(error), { cause: error }) };
    this.#work.fail(this.#failure.error);
  }
}

function sortByType<T extends { readonly type: BlobType }>(rests: T[]): T[] {
  return rests.sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
}
