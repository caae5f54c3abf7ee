import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { randomBytes } from "../crypto/index.ts";
import type { BlobType } from "../format/index.ts";
import { BufferPool } from "./buffer-pool.ts";
import { ChunkMemory } from "./chunk-memory.ts";
import type { PackRemainder, SealedPack } from "./pack-builder.ts";
import type { BlobBatch, SealingAnswer, SealingRequest, SealingThreadData } from "./sealing-messages.ts";

interface Job {
  readonly thread: SealingThread;
  readonly hashed?: (ids: string[]) => Uint8Array;
  readonly resolve: (ids: readonly string[]) => void;
  readonly reject: (error: Error) => void;
  readonly settled: (() => void) | undefined;
  /** Where the batch's memory goes when it is sealed. */
  readonly memory: SpareMemory;
}

/** What takes memory back that is not needed any more. */
export interface SpareMemory {
  give(buffer: ArrayBuffer): void;
}

/** A segment is 1 MiB, and what is cut from it as long on average; a little more, because sizes differ. */
const sparesPerSegment = 2 * 1024 * 1024;

/** Threads whose loads differ by less are equally busy: the length of one batch. */
const closeLoadBytes = 2 * 1024 * 1024;

/** Transferred, not shared: small, and back at once. */
const createPlain = (bytes: number) => new ArrayBuffer(bytes);

type Chunked = (chunks: readonly Uint8Array[], consumed: number, last: boolean) => void;

interface SealingThread {
  readonly worker: Worker;
  /** Bytes handed to it and not yet sealed or chunked. */
  load: number;
  /** Memory for packs that it was given, less the packs that it has made of it. */
  readonly spares: Record<BlobType, number>;
}

interface OpenStream {
  readonly thread: SealingThread;
  readonly chunked: Chunked;
  readonly failed: (error: Error) => void;
  /** Segments that were handed over and are not answered. */
  inWork: number;
  isDropped: boolean;
}

/** Hands out CPU work to threads and tells of the packs they finish. One pool a backup. */
export class SealingPool {
  readonly #threads: SealingThread[] = [];
  readonly #maxThreads: number;
  readonly #threadData: SealingThreadData;
  readonly #jobs = new Map<number, Job>();
  readonly #flushes = new Map<number, { resolve: (rests: readonly PackRemainder[]) => void; reject: (error: Error) => void }>();
  readonly #streams = new Map<number, OpenStream>();
  readonly #onPack: (pack: SealedPack) => void;
  readonly #onFailure: (error: Error) => void;
  /** For batches of small files, and for segments of streams. */
  readonly batches = new BufferPool(2 * 1024 * 1024, 8, createPlain);
  readonly segments = new BufferPool(1024 * 1024, 8, createPlain);
  readonly chunks = new ChunkMemory(24 * 1024 * 1024);
  #nextJob = 1;
  #closed = false;
  #failure: Error | undefined;

  /** `onFailure` is called once for a thread that died or could not verify; nothing resolves after that. */
  constructor(
    data: SealingThreadData,
    options: { threads?: number; onPack: (pack: SealedPack) => void; onFailure: (error: Error) => void },
  ) {
    this.#onPack = options.onPack;
    this.#onFailure = options.onFailure;
    this.#maxThreads = options.threads ?? Math.min(Math.max(availableParallelism(), 2), 8);
    this.#threadData = data;
  }

  /** As many as may be started. */
  get threads(): number {
    return this.#maxThreads;
  }

  /**
   * Hashes a batch of data blobs; `choose` says (one byte each) which are to be stored. Resolves with the ids when they are known;
   * `settled` is called when the chosen ones are sealed; the batch's buffer goes to `memory` then.
   */
  hashAndSeal(
    batch: BlobBatch,
    memory: SpareMemory,
    choose: (ids: string[]) => Uint8Array,
    settled: () => void,
  ): Promise<readonly string[]> {
    return this.#submit({ kind: "hash", ...batch }, batch.buffer, memory, choose, settled);
  }

  async sealKnown(type: BlobType, ids: readonly string[], batch: BlobBatch): Promise<void> {
    await this.#submit({ kind: "sealKnown", type, ids, ...batch }, batch.buffer, this.batches);
  }

  /** A stream that is cut into blobs; all its bytes go through one thread, in order. */
  openStream(chunked: Chunked, failed: (error: Error) => void): number {
    const stream = this.#nextJob++;
    if (this.#failure !== undefined) failed(this.#failure);
    else this.#streams.set(stream, { thread: this.#chooseThread(), chunked, failed, inWork: 0, isDropped: false });
    return stream;
  }

  /** `bytes` is transferred: it cannot be used afterwards. `then`: what follows the bytes. */
  chunk(stream: number, bytes: ArrayBuffer, length: number, then: "more" | "settle" | "end"): void {
    const open = this.#streams.get(stream);
    if (open === undefined) return;
    const { thread } = open;
    open.inWork++;
    thread.load += length;
    const spares = this.chunks.takeSome(sparesPerSegment);
    const ending = { last: then === "end", settle: then === "settle" };
    this.#post(thread, { kind: "chunk", stream, bytes, length, ...ending, spares }, [bytes, ...spares]);
  }

  /** What was handed over before is still answered: whoever counts bytes in work must get all of them back. */
  dropStream(stream: number): void {
    const open = this.#streams.get(stream);
    if (open === undefined || open.isDropped) return;
    open.isDropped = true;
    if (open.inWork === 0) this.#streams.delete(stream);
    this.#post(open.thread, { kind: "drop", stream });
  }

  /** What is left in the open packs of all threads; those with `closeFromBytes` and more have come as packs when it resolves. */
  async flush(closeFromBytes: number): Promise<PackRemainder[]> {
    // A thread that died would never answer.
    if (this.#failure !== undefined) throw this.#failure;
    const all = this.#threads.map((thread) => {
      const job = this.#nextJob++;
      const { promise, resolve, reject } = Promise.withResolvers<readonly PackRemainder[]>();
      this.#flushes.set(job, { resolve, reject });
      this.#post(thread, { kind: "flush", job, closeFromBytes });
      return promise;
    });
    return (await Promise.all(all)).flat();
  }

  /** The memory of a pack that is stored by now goes back to the thread that has the least of it. */
  giveBack(type: BlobType, buffer: SharedArrayBuffer): void {
    const [first, ...others] = this.#threads;
    if (this.#closed || first === undefined) return;
    const poorest = others.reduce((best, thread) => (thread.spares[type] < best.spares[type] ? thread : best), first);
    poorest.spares[type]++;
    this.#post(poorest, { kind: "spare", type, buffer });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #submit(
    request: ({ kind: "hash" } & BlobBatch) | ({ kind: "sealKnown"; type: BlobType; ids: readonly string[] } & BlobBatch),
    buffer: ArrayBuffer,
    memory: SpareMemory,
    hashed?: (ids: string[]) => Uint8Array,
    settled?: () => void,
  ): Promise<readonly string[]> {
    const job = this.#nextJob++;
    const thread = this.#chooseThread();
    const bytes = buffer.byteLength;
    thread.load += bytes;
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    const done = () => {
      thread.load -= bytes;
      settled?.();
    };
    this.#jobs.set(job, { thread, ...(hashed && { hashed }), resolve, reject, settled: done, memory });
    this.#post(thread, { ...request, job } as SealingRequest, [buffer]);
    return promise;
  }

  /** For work. A thread costs a third of a second of CPU to start, and a run with little to do needs one only. */
  #chooseThread(): SealingThread {
    if (this.#threads.length < this.#maxThreads && this.#threads.every(({ load }) => load > 0)) {
      this.#threads.push(this.#start(this.#threadData));
      return this.#threads.at(-1)!;
    }
    return this.#leastLoaded();
  }

  /**
   * One of the least busy threads, by chance: each has an open pack of each type, so that a pack does not tell which blobs followed each
   * other in a file. What is to be done for one batch is done in a few milliseconds, so threads so close are as good as each other.
   */
  #leastLoaded(): SealingThread {
    const least = this.#threads.reduce((min, { load }) => Math.min(min, load), Infinity);
    const free = this.#threads.filter(({ load }) => load <= least + closeLoadBytes);
    return free[randomBytes(1)[0]! % free.length]!;
  }

  #post(thread: SealingThread, request: SealingRequest, transfer: ArrayBuffer[] = []): void {
    thread.worker.postMessage(request, transfer);
  }

  #start(workerData: SealingThreadData): SealingThread {
    const worker = new Worker(new URL("./sealing-thread.ts", import.meta.url), {
      workerData,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    const thread: SealingThread = { worker, load: 0, spares: { data: 0, tree: 0 } };
    worker.on("message", (message: SealingAnswer) => this.#receive(thread, message));
    worker.on("error", (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    worker.on("exit", (code) => {
      if (!this.#closed) this.#fail(new Error(`a sealing thread ended with ${code}`));
    });
    return thread;
  }

  #receive(thread: SealingThread, message: SealingAnswer): void {
    if (message.kind === "pack") {
      thread.spares[message.type]--;
      this.#onPack(message.pack);
    } else if (message.kind === "hashed") {
      // After a failure nobody waits for the answers of the threads that still work.
      const job = this.#jobs.get(message.job);
      if (job?.hashed === undefined) return;
      const ids = hexIds(message.ids);
      this.#post(thread, { kind: "seal", job: message.job, wanted: job.hashed(ids) });
      job.resolve(ids);
    } else if (message.kind === "sealed") {
      const job = this.#jobs.get(message.job);
      this.#jobs.delete(message.job);
      job?.memory.give(message.buffer);
      job?.settled?.();
      job?.resolve([]);
    } else if (message.kind === "chunked") {
      thread.load -= message.consumed;
      this.segments.give(message.buffer);
      const stream = this.#streams.get(message.stream);
      if (stream === undefined) return;
      stream.inWork--;
      if (message.last || (stream.isDropped && stream.inWork === 0)) this.#streams.delete(message.stream);
      stream.chunked(message.chunks, message.consumed, message.last);
    } else if (message.kind === "flushed") {
      for (const { type } of message.rests) thread.spares[type]--;
      this.#flushes.get(message.job)?.resolve(message.rests);
      this.#flushes.delete(message.job);
    } else this.#fail(new Error(message.message));
  }

  #fail(error: Error): void {
    for (const job of this.#jobs.values()) job.reject(error);
    for (const { reject } of this.#flushes.values()) reject(error);
    for (const { failed } of this.#streams.values()) failed(error);
    this.#jobs.clear();
    this.#flushes.clear();
    this.#streams.clear();
    this.#failure ??= error;
    this.#onFailure(error);
  }
}

function hexIds(ids: Uint8Array): string[] {
  const all = Buffer.from(ids.buffer, ids.byteOffset, ids.length).toString("hex");
  return Array.from({ length: ids.length / 32 }, (_, at) => all.slice(at * 64, at * 64 + 64));
}
