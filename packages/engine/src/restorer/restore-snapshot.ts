import {
  type ByteString,
  type Clock,
  displayName,
  LifeboatError,
  type ProgressListener,
  type RestoreTarget,
  type RunningCommand,
} from "@lifeboat/model";
import type { Snapshot } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";
import { BlobReader } from "./blob-reader.ts";
import { type FilePart, filePartsOf, sparseMapBlock, zeroBlobId } from "./file-parts.ts";
import { planRestore, type RestoreItem, type RestorePlan } from "./restore-plan.ts";
import { tarEnd, tarHeaders, tarPaddingBytes } from "./tar-headers.ts";
import { TarOutput } from "./tar-output.ts";

export interface RestoreOptions {
  readonly repository: Repository;
  readonly snapshot: Pick<Snapshot, "tree">;
  readonly target: RestoreTarget;
  /** Absolute paths in the snapshot; empty: everything. */
  readonly include?: readonly ByteString[];
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
}

export interface RestoreProblem {
  readonly path: ByteString;
  readonly detail: string;
}

export interface RestoreResult {
  readonly files: number;
  readonly folders: number;
  readonly others: number;
  readonly bytes: number;
  /** Files that could not be restored, or metadata that could not be set. Empty = everything stands as in the snapshot. */
  readonly problems: readonly RestoreProblem[];
  readonly problemCount: number;
  /** Files whose data the repository has lost: left out, or, where they are large, with zeros in place of what is lost. */
  readonly lost: ReadonlySet<ByteString>;
}

/** Plain bytes that are loaded ahead; two windows are in memory at once. */
const windowBytes = 48 * 1024 * 1024;
const maxProblemsKept = 1000;

/** A piece of a tar archive: a header alone, or a run of blobs of one file. */
interface Piece {
  readonly item: RestoreItem;
  readonly header: Buffer | undefined;
  readonly blobs: readonly string[];
  readonly padding: number;
  /** This piece ends the member. */
  readonly isLast: boolean;
}

/**
 * Restores into a folder that a `tar --extract` fills: one way for the worker's own disk and for every host. Each blob is verified
 * by its hash before a byte of it goes out. Existing files are never overwritten: the target's tar keeps them and says so.
 * What the repository has lost is a problem of the files concerned; all others are restored.
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<RestoreResult> {
  const { repository, snapshot, signal } = options;
  await repository.loadIndex({ signal });
  const plan = await planRestore({ repository, tree: snapshot.tree, include: options.include ?? [], signal });
  if (
    (options.include?.length ?? 0) > 0 &&
    plan.files.length + plan.others.length === 0 &&
    !plan.folders.some((folder) => isWanted(folder, options))
  ) {
    const paths = (options.include ?? []).map(displayName).join(", ");
    throw new LifeboatError("path-not-found", `the snapshot holds no ${paths}; nothing was written`);
  }
  return new Restore(options, plan).run();
}

function isWanted({ path }: RestoreItem, { include = [] }: RestoreOptions): boolean {
  return include.some((wanted) => wanted.replace(/^\/+|\/+$/g, "") === path);
}

class Restore {
  readonly #options: RestoreOptions;
  readonly #plan: RestorePlan;
  readonly #reader: BlobReader;
  readonly #problems: RestoreProblem[] = [];
  #problemCount = 0;
  readonly #lost = new Set<ByteString>();
  readonly #leftOut = new Set<ByteString>();
  #leftOutBytes = 0;
  #filesDone = 0;
  #bytesDone = 0;
  readonly #started: number;
  #nextReport = 0;

  constructor(options: RestoreOptions, plan: RestorePlan) {
    this.#options = options;
    this.#plan = plan;
    this.#reader = new BlobReader(options.repository);
    this.#started = options.clock.now();
    for (const { path, reason } of plan.skipped) this.#report(path, reason);
  }

  async run(): Promise<RestoreResult> {
    const command = await this.#options.target.extract(this.#options.signal);
    // tar may write to stdout when it is verbose; never let it wait for us.
    const drained = drain(command);
    try {
      const output = new TarOutput(command);
      await this.#writeAll(output);
      await output.end(tarEnd());
    } catch (error) {
      this.#options.signal.throwIfAborted();
      await this.#explainFailure(command, error);
    } finally {
      await this.#reader.close();
    }
    await drained;
    await this.#judgeExit(command);
    const { files, folders, others } = this.#plan;
    return {
      files: files.length + others.filter((item) => item.hardLinkTo !== undefined).length - this.#leftOut.size,
      folders: folders.length,
      others: others.filter((item) => item.hardLinkTo === undefined).length,
      bytes: this.#plan.totalBytes - this.#leftOutBytes,
      problems: this.#problems,
      problemCount: this.#problemCount,
      lost: this.#lost,
    };
  }

  async #writeAll(output: TarOutput): Promise<void> {
    for (const item of this.#plan.folders) await output.write(tarHeaders({ ...item, bytes: 0 }));
    let loading: Promise<Map<string, Uint8Array | LifeboatError>> | undefined;
    let waiting: Piece[] = [];
    // The next window is loaded while this one is written.
    for (const pieces of this.#windows()) {
      const next = this.#reader.load(
        pieces.flatMap(({ blobs }) => blobs),
        this.#options.signal,
      );
      next.catch(() => {});
      if (loading !== undefined) await this.#writePieces(output, waiting, await loading);
      loading = next;
      waiting = pieces;
    }
    if (loading !== undefined) await this.#writePieces(output, waiting, await loading);
    for (const item of this.#plan.others) {
      if (item.hardLinkTo === undefined || !this.#leftOut.has(item.hardLinkTo)) {
        await output.write(tarHeaders({ ...item, bytes: 0 }));
      } else this.#leaveOut(item, `is another name of ${displayName(item.hardLinkTo)}, whose data is lost`);
    }
  }

  *#windows(): Generator<Piece[]> {
    let pieces: Piece[] = [];
    let bytes = 0;
    for (const item of this.#plan.files) {
      for (const [piece, pieceBytes] of this.#piecesOf(item)) {
        pieces.push(piece);
        bytes += pieceBytes;
        if (bytes < windowBytes && pieces.length < 20_000) continue;
        yield pieces;
        pieces = [];
        bytes = 0;
      }
    }
    if (pieces.length > 0) yield pieces;
  }

  *#piecesOf(item: RestoreItem): Generator<[Piece, number]> {
    const { index, store } = this.#options.repository;
    const unknown = item.node.content?.find((id) => id !== zeroBlobId && index.locate(id, "data") === undefined);
    if (unknown !== undefined) {
      // Without its length no header fits.
      this.#leaveOut(item, `data blob ${unknown} is in no index of ${store.url}`);
      return;
    }
    const { parts, hasHoles } = filePartsOf(this.#options.repository, item.node);
    const size = parts.reduce((sum, part) => sum + part.bytes, 0);
    const map = hasHoles ? sparseMapBlock(parts, size) : Buffer.alloc(0);
    const dataParts = parts.filter((part) => part.blobs.length > 0);
    const stored = map.length + dataParts.reduce((sum, part) => sum + part.bytes, 0);
    const headers = tarHeaders({ ...item, bytes: stored, ...(hasHoles && { sparseSize: size }) });
    const header = map.length === 0 ? headers : Buffer.concat([headers, map]);
    const padding = tarPaddingBytes(stored);
    const runs = [...splitRuns(dataParts, this.#options.repository)];
    if (runs.length === 0) yield [{ item, header, blobs: [], padding, isLast: true }, header.length];
    for (const [at, run] of runs.entries()) {
      const isLast = at === runs.length - 1;
      yield [{ item, header: at === 0 ? header : undefined, blobs: run.blobs, padding: isLast ? padding : 0, isLast }, run.bytes];
    }
  }

  async #writePieces(output: TarOutput, pieces: readonly Piece[], blobs: Map<string, Uint8Array | LifeboatError>): Promise<void> {
    for (const piece of pieces) {
      const damage = piece.header !== undefined && piece.isLast ? damageOf(piece, blobs) : undefined;
      if (damage !== undefined) {
        // Nothing of this file has gone out yet: it is left out whole, the others go on.
        this.#leaveOut(piece.item, damage.message);
        continue;
      }
      if (piece.header !== undefined) await output.write(piece.header);
      for (const id of piece.blobs) {
        const blob = blobs.get(id);
        const bytes = this.#bytesOrZeros(piece.item, id, blob);
        await output.write(bytes);
        this.#bytesDone += bytes.length;
      }
      if (piece.padding > 0) await output.write(Buffer.alloc(piece.padding));
      if (piece.isLast) this.#filesDone++;
      this.#tell(piece.item);
    }
  }

  /** The header of a large file has gone out before this blob was read: its place must be filled, and the rest is worth having. */
  #bytesOrZeros({ path, node }: RestoreItem, id: string, blob: Uint8Array | LifeboatError | undefined): Uint8Array {
    if (blob instanceof Uint8Array) return blob;
    if (blob === undefined) throw new Error(`data blob ${id} was not loaded`);
    if (!this.#lost.has(path)) {
      this.#lost.add(path);
      this.#report(path, `stands with zeros where its data is lost: ${blob.message}`);
    }
    return Buffer.alloc(filePartsOf(this.#options.repository, { ...node, content: [id] }).parts[0]?.bytes ?? 0);
  }

  #leaveOut({ path, node, hardLinkTo }: RestoreItem, detail: string): void {
    this.#lost.add(path);
    this.#leftOut.add(path);
    if (hardLinkTo === undefined) this.#leftOutBytes += node.size;
    this.#report(path, detail);
  }

  /** The write side broke: tar's own words say more than a closed pipe. */
  async #explainFailure(command: RunningCommand, error: unknown): Promise<never> {
    if (error instanceof LifeboatError && error.code === "repository-damaged") {
      command.kill();
      throw error;
    }
    command.endInput();
    const exit = await command.exit.catch(() => undefined);
    const { failure } = this.#options.target.judge(exit?.status ?? null, command.stderr());
    throw failure ?? error;
  }

  async #judgeExit(command: RunningCommand): Promise<void> {
    const { status } = await command.exit;
    const { failure, problems } = this.#options.target.judge(status, command.stderr());
    if (failure !== undefined) throw failure;
    for (const { path, message } of problems) this.#report(path, message);
  }

  #report(path: ByteString, detail: string): void {
    this.#problemCount++;
    if (this.#problems.length < maxProblemsKept) this.#problems.push({ path, detail });
  }

  #tell({ path }: RestoreItem): void {
    const { clock, progress } = this.#options;
    const now = progress === undefined ? 0 : clock.now();
    if (progress === undefined || now < this.#nextReport) return;
    this.#nextReport = now + 250;
    const seconds = (now - this.#started) / 1000;
    const ratio = this.#plan.totalBytes === 0 ? 1 : this.#bytesDone / this.#plan.totalBytes;
    progress({
      message_type: "status",
      phase: "restoring",
      seconds_elapsed: Math.round(seconds),
      percent_done: Math.min(ratio, 1),
      ...(ratio > 0.01 && ratio < 1 && { seconds_remaining: Math.round((seconds / ratio) * (1 - ratio)) }),
      total_files: this.#plan.files.length,
      files_done: this.#filesDone,
      total_bytes: this.#plan.totalBytes,
      bytes_done: this.#bytesDone,
      error_count: this.#problemCount,
      current_files: [displayName(path)],
    });
  }
}

function damageOf(piece: Piece, blobs: Map<string, Uint8Array | LifeboatError>): LifeboatError | undefined {
  for (const id of piece.blobs) {
    const blob = blobs.get(id);
    if (blob instanceof LifeboatError) return blob;
  }
  return undefined;
}

/** Runs of at most 8 MiB, so that a large file does not fill a window alone. */
function* splitRuns(parts: readonly FilePart[], repository: Repository): Generator<{ blobs: string[]; bytes: number }> {
  let run: { blobs: string[]; bytes: number } = { blobs: [], bytes: 0 };
  for (const part of parts) {
    for (const id of part.blobs) {
      run.blobs.push(id);
      const location = repository.index.locate(id, "data");
      run.bytes += location === undefined ? 0 : Math.max(location.uncompressedLength, location.length);
      if (run.bytes < 8 * 1024 * 1024) continue;
      yield run;
      run = { blobs: [], bytes: 0 };
    }
  }
  if (run.blobs.length > 0) yield run;
}

async function drain(command: RunningCommand): Promise<void> {
  try {
    for await (const _ of command.stdout);
  } catch {
    // The exit tells what happened.
  }
}
