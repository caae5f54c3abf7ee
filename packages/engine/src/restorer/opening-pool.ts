import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { plainLengthOf } from "../blob-codec/index.ts";
import type { SealKey } from "../crypto/index.ts";
import type { PackedBlob } from "../format/index.ts";
import type { OpeningAnswer, OpeningRequest, OpeningThreadData } from "./opening-messages.ts";

interface OpeningThread {
  readonly worker: Worker;
  load: number;
}

/** A request without its job number. */
type Work = OpeningRequest extends infer Request ? (Request extends unknown ? Omit<Request, "job"> : never) : never;

/**
 * Hands sealed bytes to threads. Until the answer comes nobody else may write where they are. A thread is started when there is
 * work that the others are too busy for: each costs a quarter of a second of CPU.
 */
export class OpeningPool {
  readonly #threads: OpeningThread[] = [];
  readonly #masterKey: SealKey;
  readonly #maxThreads: number;
  readonly #jobs = new Map<
    number,
    { resolve: (answer: OpeningAnswer) => void; reject: (error: Error) => void; thread: OpeningThread; load: number }
  >();
  #nextJob = 1;
  /** A pool with a dead thread answers no more. */
  #failure: Error | undefined;

  constructor(masterKey: SealKey, threads = Math.min(Math.max(availableParallelism(), 1), 8)) {
    this.#masterKey = masterKey;
    this.#maxThreads = threads;
  }

  /**
   * Plain blobs in the order asked for, as views of the `target` that comes back; undefined for a damaged one. `target` has room for all of
   * them as `plainRoomFor` says; where it is not shared it is given away.
   */
  async open(
    bytes: Uint8Array<SharedArrayBuffer>,
    blobs: readonly PackedBlob[],
    target: ArrayBufferLike,
  ): Promise<{ plain: (Uint8Array | undefined)[]; target: ArrayBufferLike }> {
    const answer = await this.#submit({ kind: "open", bytes, blobs, target });
    if (answer.kind !== "opened") throw new Error("wrong answer of an opening thread");
    let at = 0;
    const plain = Array.from(answer.lengths, (length) => {
      if (length < 0) return undefined;
      at += length;
      return new Uint8Array(answer.target, at - length, length);
    });
    return { plain, target: answer.target };
  }

  /** Reads a whole pack as `check --read-data` does; the damages found, none for a sound pack. */
  async check(
    packId: string,
    bytes: Uint8Array<SharedArrayBuffer>,
    blobs: readonly PackedBlob[],
  ): Promise<{ damages: readonly string[]; badBlobs: readonly string[] }> {
    const answer = await this.#submit({ kind: "check", packId, bytes, blobs });
    if (answer.kind !== "checked") throw new Error("wrong answer of an opening thread");
    return answer;
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #submit(work: Work): Promise<OpeningAnswer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const job = this.#nextJob++;
    const thread = this.#leastLoaded();
    const load = work.bytes.length;
    thread.load += load;
    const { promise, resolve, reject } = Promise.withResolvers<OpeningAnswer>();
    this.#jobs.set(job, { resolve, reject, thread, load });
    const given = work.kind === "open" && work.target instanceof ArrayBuffer ? [work.target] : [];
    thread.worker.postMessage({ ...work, job }, given);
    return promise;
  }

  #leastLoaded(): OpeningThread {
    const best = this.#threads.reduce<OpeningThread | undefined>(
      (a, b) => (a !== undefined && a.load <= b.load ? a : b),
      undefined,
    );
    if (best !== undefined && (best.load === 0 || this.#threads.length >= this.#maxThreads)) return best;
    const started = this.#start({ masterKey: this.#masterKey });
    this.#threads.push(started);
    return started;
  }

  #start(workerData: OpeningThreadData): OpeningThread {
    const worker = new Worker(new URL("./opening-thread.ts", import.meta.url), {
      workerData,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    worker.on("message", (answer: OpeningAnswer) => {
      const job = this.#jobs.get(answer.job);
      this.#jobs.delete(answer.job);
      if (job === undefined) return;
      job.thread.load -= job.load;
      job.resolve(answer);
    });
    const fail = (error: Error) => {
      this.#failure ??= error;
      for (const { reject } of this.#jobs.values()) reject(error);
      this.#jobs.clear();
    };
    worker.on("error", (error) => fail(error instanceof Error ? error : new Error(String(error))));
    worker.on("exit", (code) => fail(new Error(`an opening thread ended with ${code}`)));
    return { worker, load: 0 };
  }
}

/** Bytes that these take when they are opened. One that claims more than any tool writes is refused when its turn comes, and counts 0. */
export function plainRoomFor(blobs: readonly PackedBlob[]): number {
  return blobs.reduce((sum, blob) => {
    try {
      return sum + plainLengthOf(blob, blob.length);
    } catch {
      return sum;
    }
  }, 0);
}
