import {
  type ByteString,
  type Clock,
  displayName,
  LifeboatError,
  type RestoreTarget,
  type RunningCommand,
} from "@lifeboat/model";
import type { Snapshot } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";
import { BlobReader } from "./blob-reader.ts";
import { planRestore } from "./restore-plan.ts";
import { writeRestoreStream } from "./restore-stream.ts";
import { type RestoreProblem, RestoreTally } from "./restore-tally.ts";

export interface TarArchiveOptions {
  readonly repository: Repository;
  readonly snapshot: Pick<Snapshot, "tree">;
  /** Absolute paths in the snapshot; empty: everything. */
  readonly include: readonly ByteString[];
  /** Takes the archive piece by piece; resolves when it may have more. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export interface TarArchiveResult {
  /** Files that are left out or have zeros where their data is lost; the first of them. */
  readonly problems: readonly RestoreProblem[];
  readonly problemCount: number;
}

/**
 * A folder of a snapshot as a tar archive in pax format, with the snapshot's paths without their first slash. The same stream that a
 * restore extracts: hard links, holes and attributes as GNU tar has them, each blob verified before it goes out. A file whose data is
 * lost is left out, or, when it is large, has zeros in that place; both are problems of the result. Errors: `path-not-found`.
 */
export async function writeTarArchive(options: TarArchiveOptions): Promise<TarArchiveResult> {
  const { repository, snapshot, include, signal } = options;
  await repository.loadIndex({ signal });
  const plan = await planRestore({ repository, tree: snapshot.tree, include, signal });
  if (include.length > 0 && plan.files.length + plan.others.length + plan.folders.length === 0) {
    throw new LifeboatError("path-not-found", `the snapshot holds no ${include.map(displayName).join(", ")}`);
  }
  const tally = new RestoreTally(options.clock, undefined);
  for (const { path, reason } of plan.skipped) tally.report(path, reason);
  const reader = new BlobReader(repository, { willRelease: true });
  try {
    const target = createArchiveTarget(options.write);
    const content = { files: plan.files, others: plan.others, closing: [...plan.folders].reverse() };
    await writeRestoreStream({ repository, target, reader, tally, signal, stages: [] }, content);
  } finally {
    await reader.close();
  }
  return { problems: tally.problems, problemCount: tally.problemCount };
}

/** A target that is always empty and keeps nothing: what a `tar --extract` would read goes to `write`. */
function createArchiveTarget(write: (bytes: Uint8Array) => Promise<void>): RestoreTarget {
  const refuse = async () => {
    throw new Error("an archive has nothing to be compared with");
  };
  return {
    name: "an archive",
    state: async () => ({ exists: true, empty: true, freeBytes: Number.POSITIVE_INFINITY, root: true }),
    extract: async () => createWriter(write),
    judge: () => ({ failure: undefined, problems: [] }),
    look: refuse,
    // biome-ignore lint/correctness/useYield: it never gives anything
    async *read() {
      await refuse();
    },
    prepare: refuse,
    moveIn: refuse,
    discard: refuse,
    touch: async () => {},
    removeStages: refuse,
  };
}

function createWriter(write: (bytes: Uint8Array) => Promise<void>): RunningCommand {
  return {
    stdout: (async function* () {})(),
    write,
    endInput() {},
    stderr: () => "",
    exit: Promise.resolve({ status: 0, signal: null }),
    kill() {},
  };
}
