import type { ByteString } from "../bytes/byte-string.ts";
import type { LifeboatError } from "../errors/lifeboat-error.ts";
import type { FileEntry } from "../files/file-entry.ts";
import type { ReadEvent } from "../files/file-source.ts";
import type { RunningCommand } from "../machine/machine.ts";

/**
 * What happens to something that stands where a file of the snapshot belongs. `never`: it stays. `if-changed`: it stays when type,
 * size, time, mode and owner are the snapshot's, and is replaced otherwise. `always`: it is replaced.
 */
export type Overwrite = "never" | "if-changed" | "always";

/** What stands at a restore's target before it begins. */
export interface TargetState {
  readonly exists: boolean;
  readonly empty: boolean;
  readonly freeBytes: number;
  /** True when owners and devices can be set there. */
  readonly root: boolean;
}

/** Something that could not be created (`missing`), or stands without a part of its metadata. */
export interface TargetProblem {
  readonly path: ByteString;
  readonly message: string;
  readonly kind: "missing" | "metadata";
}

/** What the end of an extraction means. */
export interface ExtractOutcome {
  /** Set when the extraction as a whole failed: no space, no rights for the folder, no tar. */
  readonly failure: LifeboatError | undefined;
  /** By path in the stream. */
  readonly problems: readonly TargetProblem[];
}

/** What must be done in a target that is not empty before files go in. All paths are relative to the target. */
export interface TargetPreparation {
  /** Files and links that stand where a folder belongs: removed. Never a folder. */
  readonly remove: readonly ByteString[];
  /** Folders that their owner cannot write to now. */
  readonly open: readonly ByteString[];
  /**
   * Folders to be made, for nobody else to look into: finished files wait there for `moveIn`. Their names end in eight characters that
   * no other restore has; those of others beside them are removed.
   */
  readonly stages: readonly ByteString[];
}

/** A folder on a machine into which a tar stream is extracted. */
export interface RestoreTarget {
  /** For people: "/srv/restore on web1". */
  readonly name: string;
  state(signal: AbortSignal): Promise<TargetState>;
  /**
   * Creates the folder where it is missing and starts one `tar --extract` in it that reads stdin. It leaves alone what exists,
   * but for the metadata of folders in a stream that holds `folders` only. What tar could not set stands on its stderr.
   */
  extract(signal: AbortSignal, content?: "everything" | "folders"): Promise<RunningCommand>;
  /** Reads the end of what `extract` started. */
  judge(status: number | null, stderr: string): ExtractOutcome;
  /**
   * What stands at these relative paths, in their order; undefined where nothing does. A symlink is itself, not what it names.
   * One command, however many paths.
   */
  look(paths: readonly ByteString[], signal: AbortSignal): Promise<readonly (FileEntry | undefined)[]>;
  /** Content and attributes of what `look` gave, as `FileSource.read`. */
  readonly read: (
    entries: readonly FileEntry[],
    options: { readonly signal: AbortSignal },
  ) => AsyncIterable<readonly ReadEvent[]>;
  prepare(preparation: TargetPreparation, signal: AbortSignal): Promise<void>;
  /**
   * Renames what waits in `stage` to its place: below the folder that holds the stage, under the same relative path. `folders` are
   * those of the stage that hold something, "." for itself. Gives what did not move.
   */
  moveIn(stage: ByteString, folders: readonly ByteString[], signal: AbortSignal): Promise<readonly TargetProblem[]>;
  /** Files in stages that must not move in. */
  discard(paths: readonly ByteString[], signal: AbortSignal): Promise<void>;
  /** Files that stand there broken get the time of now, so that no later restore takes them for whole. */
  touch(paths: readonly ByteString[], signal: AbortSignal): Promise<void>;
  removeStages(stages: readonly ByteString[], signal: AbortSignal): Promise<void>;
}
