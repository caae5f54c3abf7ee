import { type ArchiveCheckpoints, isId, type Repository, type Snapshot } from "@lifeboat/engine";
import { isLifeboatError, messageOf } from "@lifeboat/model";
import type { JobContext } from "./job-context.ts";

/** Where a run that was stopped has come to; a side object, because a snapshot would be taken for a whole one. */
export interface Checkpoint {
  readonly schema: "lifeboat.checkpoint/1";
  /** "HOST/SOURCE". */
  readonly asset: string;
  /** Id of the run that wrote it. */
  readonly run: string;
  /** When that run began, and when it had come so far: RFC 3339. */
  readonly started: string;
  readonly time: string;
  /** Partial tree: finished nodes, and the beginnings of large files as nodes of a smaller size. */
  readonly tree: string;
  /** Bytes of content that stand in it. */
  readonly bytes: number;
}

/** More than killed runs can leave: each new checkpoint takes the place of the one before. */
const maxLoaded = 1000;

/** The checkpoints of one asset, seen by one run of it. */
export class RunCheckpoints implements ArchiveCheckpoints {
  /** Of the run that was stopped, if it is of use. */
  readonly found: Checkpoint | undefined;
  readonly #context: JobContext;
  readonly #repository: Repository;
  readonly #run: Pick<Checkpoint, "asset" | "run" | "started">;
  /** Those that the next one, or the snapshot, makes superfluous. */
  #ids: string[];

  private constructor(parts: {
    context: JobContext;
    repository: Repository;
    run: Pick<Checkpoint, "asset" | "run" | "started">;
    found: Checkpoint | undefined;
    ids: string[];
  }) {
    this.#context = parts.context;
    this.#repository = parts.repository;
    this.#run = parts.run;
    this.#ids = parts.ids;
    this.found = parts.found;
  }

  /**
   * Those of earlier runs that `loadCheckpoints` has found. One whose run began no later than that of `parent` is of no use: that snapshot
   * has all of it.
   */
  static choose(
    context: JobContext,
    repository: Repository,
    run: { readonly asset: string; readonly run: string; readonly startedMs: number },
    { stored, parent }: { readonly stored: ReadonlyMap<string, Checkpoint>; readonly parent: Snapshot | undefined },
  ): RunCheckpoints {
    const isOlder = ({ started }: Checkpoint) => parent !== undefined && secondOf(started) <= secondOf(parent.time);
    let found: Checkpoint | undefined;
    for (const checkpoint of stored.values()) {
      if (!isOlder(checkpoint) && !(found !== undefined && Date.parse(found.time) >= Date.parse(checkpoint.time)))
        found = checkpoint;
    }
    if (found !== undefined) {
      const { run: stopped, bytes } = found;
      context.logger.info({ asset: run.asset, stopped, bytes }, "goes on where an earlier run was stopped");
    }
    const started = new Date(run.startedMs).toISOString();
    return new RunCheckpoints({
      context,
      repository,
      run: { asset: run.asset, run: run.run, started },
      found,
      ids: [...stored.keys()],
    });
  }

  get resume(): string | undefined {
    return this.found?.tree;
  }

  /** Killed between the two steps: two are left, of which the younger one counts; the next run deletes both. */
  async save(tree: string, contentBytes: number): Promise<void> {
    const value: Checkpoint = {
      schema: "lifeboat.checkpoint/1",
      ...this.#run,
      time: new Date(this.#context.clock.now()).toISOString(),
      tree,
      bytes: contentBytes,
    };
    const id = await this.#repository.saveSide("checkpoint", value, { signal: this.#context.signal });
    const superseded = this.#ids;
    this.#ids = [id];
    await this.#delete(superseded);
  }

  failed(error: unknown): void {
    // A run that was stopped does not go on, and says so itself.
    if (this.#context.signal.aborted) return;
    // A disk that is full ends the run itself with its next pack, and that is told then.
    const level = isLifeboatError(error, "store-full") ? "info" : "warn";
    this.#context.logger[level](
      { asset: this.#run.asset, cause: messageOf(error) },
      "a checkpoint is of no use; the run goes on",
    );
  }

  /** After the commit. Killed before or within: what is left is older than the snapshot, so it is ignored, and the next run deletes it. */
  async discard(): Promise<void> {
    await this.#delete(this.#ids);
    this.#ids = [];
  }

  /** Never rejects: what cannot be deleted costs a few hundred bytes. */
  async #delete(ids: readonly string[]): Promise<void> {
    try {
      for (const id of ids) await this.#repository.deleteSide("checkpoint", id, { signal: this.#context.signal });
    } catch (error) {
      this.#context.logger.warn({ asset: this.#run.asset, cause: messageOf(error) }, "an old checkpoint could not be deleted");
    }
  }
}

/** Those of an asset, by their ids; before the index is loaded, so that what they name is in it. */
export async function loadCheckpoints(
  repository: Repository,
  asset: string,
  { signal, onUnreadable }: { readonly signal: AbortSignal; readonly onUnreadable: (id: string, cause: string) => void },
): Promise<Map<string, Checkpoint>> {
  const found = new Map<string, Checkpoint>();
  for (const id of (await repository.listSide("checkpoint", { signal })).slice(0, maxLoaded)) {
    try {
      const checkpoint = parseCheckpoint(await repository.loadSide("checkpoint", id, { signal }));
      if (checkpoint.asset === asset) found.set(id, checkpoint);
    } catch (error) {
      signal.throwIfAborted();
      // Of whichever asset it is: it would only have saved reading again.
      onUnreadable(id, messageOf(error));
    }
  }
  return found;
}

/** Snapshots tell their time to the second. */
function secondOf(time: string): number {
  return Math.floor(Date.parse(time) / 1000);
}

/** Throws an Error with the reason for what no version of ours wrote. */
function parseCheckpoint(value: unknown): Checkpoint {
  const { schema, asset, run, started, time, tree, bytes } = (value ?? {}) as Partial<Record<keyof Checkpoint, unknown>>;
  if (schema !== "lifeboat.checkpoint/1") throw new Error(`its schema is ${JSON.stringify(schema)?.slice(0, 100)}`);
  const isMoment = (text: unknown): text is string => typeof text === "string" && !Number.isNaN(Date.parse(text));
  if (typeof asset !== "string" || typeof run !== "string" || typeof tree !== "string" || !isId(tree)) {
    throw new Error("it does not name an asset, a run and a tree");
  }
  if (!isMoment(started) || !isMoment(time) || typeof bytes !== "number") throw new Error("its times or its size are missing");
  return { schema, asset, run, started, time, tree, bytes };
}
