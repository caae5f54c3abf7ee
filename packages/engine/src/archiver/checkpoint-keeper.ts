const leastNewBytes = 20 * 1024 * 1024;
/** A killed run loses at most so much of what came, or this part of it, and what lies in the pipes: 12 MiB in the channels' windows. */
const mostUncoveredBytes = 30 * 1024 * 1024;
const uncoveredPart = 1 / 33;
const newPart = 1 / 48;
/** A folder with very many files is written anew with each checkpoint as long as it is open: content must outweigh that. */
const contentPerTreeByte = 8;

/** A partial tree that was handed to the writer. */
export interface TakenCheckpoint {
  readonly tree: string;
  /** Length of the trees that were made for it. */
  readonly treeBytes: number;
  /** Bytes of content that came and that it does not name. */
  readonly missingBytes: number;
  /** Bytes of content that the next run will find. */
  readonly contentBytes: number;
}

/** Decides when a run writes a checkpoint: by bytes that came, so that no clock and no timer is needed. */
export class CheckpointKeeper {
  readonly #take: () => TakenCheckpoint;
  readonly #store: (taken: TakenCheckpoint) => Promise<void>;
  readonly #failed: (error: unknown) => void;
  #received = 0;
  #takenAt = 0;
  #coveredBytes = 0;
  #treeBytes = 0;
  #writing: Promise<void> | undefined;

  /** `take` must not wait: it sees the run at one moment. `store` resolves when all of it is durable. */
  constructor(parts: {
    take: () => TakenCheckpoint;
    store: (taken: TakenCheckpoint) => Promise<void>;
    failed: (error: unknown) => void;
  }) {
    this.#take = parts.take;
    this.#store = parts.store;
    this.#failed = parts.failed;
  }

  /** Content has come. A promise when too much of it is not covered: the reader waits for it before it goes on. */
  received(bytes: number): Promise<void> | undefined {
    this.#received += bytes;
    if (this.#writing === undefined) {
      const wanted = Math.max(leastNewBytes, this.#received * newPart, this.#treeBytes * contentPerTreeByte);
      if (this.#received - this.#takenAt < wanted) return undefined;
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
      });
    }
    const most = Math.max(mostUncoveredBytes, this.#received * uncoveredPart);
    return this.#received - this.#coveredBytes > most ? this.#writing : undefined;
  }

  /** Waits for the one that is being written. Never rejects. */
  async finish(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    this.#takenAt = this.#received;
    // A failed one is no reason to wait: the run goes on without.
    let covered = this.#received;
    try {
      const taken = this.#take();
      this.#treeBytes = taken.treeBytes;
      await this.#store(taken);
      covered -= taken.missingBytes;
    } catch (error) {
      this.#failed(error);
    }
    this.#coveredBytes = covered;
  }
}
