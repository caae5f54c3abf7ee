import { type ByteString, type Clock, displayName, type ProgressListener, type TargetProblem } from "@lifeboat/model";
import type { RestoreItem } from "./restore-item.ts";
import { splitStaged } from "./stage-places.ts";

export interface RestoreProblem {
  readonly path: ByteString;
  readonly detail: string;
}

const maxProblemsKept = 1000;
/** Paths are kept for the comparison afterwards; a target where more goes wrong is compared without them. */
const maxPathsKept = 1_000_000;

/** What one restore has done so far and what went wrong. */
export class RestoreTally {
  readonly problems: RestoreProblem[] = [];
  problemCount = 0;
  /** Files whose data the repository has lost: left out, or, where they are large, with zeros in place of what is lost. */
  readonly lost = new Set<ByteString>();
  /** Those of `lost` of which nothing was written. */
  readonly leftOut = new Set<ByteString>();
  leftOutBytes = 0;
  /** Paths that a problem names: they are not there, or without a part of their metadata. */
  readonly imperfect = new Set<ByteString>();
  /** Those of `imperfect` that the target could not make. */
  readonly notMade = new Set<ByteString>();
  /** Not root, no support of the file system: attributes that were refused. */
  attributesNotSet = 0;
  filesDone = 0;
  bytesDone = 0;
  totalFiles = 0;
  totalBytes = 0;
  readonly #clock: Clock;
  readonly #progress: ProgressListener | undefined;
  readonly #started: number;
  #nextReport = 0;

  constructor(clock: Clock, progress: ProgressListener | undefined) {
    this.#clock = clock;
    this.#progress = progress;
    this.#started = clock.now();
  }

  /** What will be written, for the progress. The plan has counted it: to look at each file again would make millions of objects. */
  expect({ files, bytes }: { readonly files: { readonly length: number }; readonly bytes: number }): void {
    this.totalFiles = files.length;
    this.totalBytes = bytes;
  }

  /** Files that stand in the target with zeros in them. */
  broken(): ByteString[] {
    return [...this.lost].filter((path) => !this.leftOut.has(path));
  }

  report(path: ByteString, detail: string): void {
    this.problemCount++;
    if (this.problems.length < maxProblemsKept) this.problems.push({ path, detail });
    if (this.imperfect.size < maxPathsKept) this.imperfect.add(path);
  }

  /** What a target says of a stream: by the path that a staged file is for. */
  reportTarget(problems: readonly TargetProblem[], stages: readonly ByteString[]): void {
    for (const { path, message, kind } of problems) {
      const final = splitStaged(path, stages)?.path ?? path;
      this.report(final, message);
      if (kind === "missing" && this.notMade.size < maxPathsKept) this.notMade.add(final);
      if (kind === "metadata" && message.includes("extended attribute")) this.attributesNotSet++;
    }
  }

  leaveOut({ path, node, hardLinkTo }: RestoreItem, detail: string): void {
    this.lost.add(path);
    this.leftOut.add(path);
    if (hardLinkTo === undefined) this.leftOutBytes += node.size;
    this.report(path, detail);
  }

  tell({ path }: RestoreItem): void {
    const now = this.#progress === undefined ? 0 : this.#clock.now();
    if (this.#progress === undefined || now < this.#nextReport) return;
    this.#nextReport = now + 250;
    const seconds = (now - this.#started) / 1000;
    const ratio = this.totalBytes === 0 ? 1 : this.bytesDone / this.totalBytes;
    this.#progress({
      message_type: "status",
      phase: "restoring",
      seconds_elapsed: Math.round(seconds),
      percent_done: Math.min(ratio, 1),
      ...(ratio > 0.01 && ratio < 1 && { seconds_remaining: Math.round((seconds / ratio) * (1 - ratio)) }),
      total_files: this.totalFiles,
      files_done: this.filesDone,
      total_bytes: this.totalBytes,
      bytes_done: this.bytesDone,
      error_count: this.problemCount,
      current_files: [displayName(path)],
    });
  }
}
