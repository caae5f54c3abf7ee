import { type ByteString, displayName, LifeboatError, type RestoreTarget, type RunningCommand } from "@lifeboat/model";
import type { Repository } from "../repository/repository.ts";
import type { BlobReader } from "./blob-reader.ts";
import { type FilePart, filePartsOf, sparseMapBlock } from "./file-parts.ts";
import type { RestoreItem, RestoreItems } from "./restore-item.ts";
import type { RestoreTally } from "./restore-tally.ts";
import { tarEnd, tarHeaders, tarPaddingBytes } from "./tar-headers.ts";
import { TarOutput } from "./tar-output.ts";

export interface RestoreStreamOptions {
  readonly repository: Repository;
  readonly target: RestoreTarget;
  readonly reader: BlobReader;
  readonly tally: RestoreTally;
  /** Staged paths lie in one of these. */
  readonly stages: readonly ByteString[];
  readonly signal: AbortSignal;
}

/** In the order of the stream: folders before what they hold, files before their further names. */
export interface RestoreStreamContent {
  readonly folders?: RestoreItems;
  readonly files?: RestoreItems;
  readonly others?: RestoreItems;
  /** Folders whose header comes after all that they hold, deepest first: an ordinary `tar --extract` then leaves them their times. */
  readonly closing?: RestoreItems;
}

/** Plain bytes that are loaded ahead; two windows are in memory at once. */
const windowBytes = 16 * 1024 * 1024;

/** What stands in front of the first blob of a file. It is made when it is written: a window has thousands. */
interface PieceStart {
  /** Bytes that follow the headers, the map among them. */
  readonly stored: number;
  /** Of a file with holes: its size, and where its data belong. */
  readonly sparse: { readonly size: number; readonly map: Buffer } | undefined;
}

/** A file's last block is filled up with less than one of zeros, and the last block of a run of data with as much again. */
const zeros = Buffer.alloc(1024);

/** A piece of a tar archive: a header alone, or a run of blobs of one file. */
interface Piece {
  readonly item: RestoreItem;
  readonly start: PieceStart | undefined;
  readonly blobs: readonly string[];
  readonly padding: number;
  /** This piece ends the member. */
  readonly isLast: boolean;
}

/** One `tar --extract` of the target and all that goes into it. What cannot be created or set is told to the tally. */
export async function writeRestoreStream(
  options: RestoreStreamOptions,
  content: RestoreStreamContent,
  kind: "everything" | "folders" = "everything",
): Promise<void> {
  await new RestoreStream(options, content).run(kind);
}

class RestoreStream {
  readonly #options: RestoreStreamOptions;
  readonly #content: Required<RestoreStreamContent>;

  constructor(options: RestoreStreamOptions, content: RestoreStreamContent) {
    this.#options = options;
    this.#content = { folders: [], files: [], others: [], closing: [], ...content };
  }

  async run(kind: "everything" | "folders"): Promise<void> {
    const command = await this.#options.target.extract(this.#options.signal, kind);
    // tar may write to stdout when it is verbose; never let it wait for us.
    const drained = drain(command);
    const output = new TarOutput(command);
    try {
      await this.#writeAll(output);
      await output.end(tarEnd());
    } catch (error) {
      this.#options.signal.throwIfAborted();
      // What the repository says counts for itself; tar would only say that its archive ends too early.
      if (!output.isBroken) {
        command.kill();
        throw error;
      }
      await this.#explainFailure(command, error);
    }
    await drained;
    await this.#judgeExit(command);
  }

  async #writeAll(output: TarOutput): Promise<void> {
    for (const item of this.#content.folders) await output.write(headersOf(item, 0));
    let loading: Promise<Map<string, Uint8Array | LifeboatError>> | undefined;
    let waiting: Piece[] = [];
    const write = async (pieces: Piece[], blobs: Map<string, Uint8Array | LifeboatError>) => {
      await this.#writePieces(output, pieces, blobs);
      this.#options.reader.release(blobs);
    };
    // The next window is loaded while this one is written.
    for (const pieces of this.#windows()) {
      const next = this.#options.reader.load(
        pieces.flatMap(({ blobs }) => blobs),
        this.#options.signal,
      );
      next.catch(() => {});
      if (loading !== undefined) await write(waiting, await loading);
      loading = next;
      waiting = pieces;
    }
    if (loading !== undefined) await write(waiting, await loading);
    for (const item of this.#content.others) {
      if (item.hardLinkTo === undefined || !this.#options.tally.leftOut.has(item.hardLinkTo)) {
        await output.write(headersOf(item, 0));
      } else this.#options.tally.leaveOut(item, `is another name of ${displayName(item.hardLinkTo)}, whose data is lost`);
    }
    for (const item of this.#content.closing) await output.write(headersOf(item, 0));
  }

  *#windows(): Generator<Piece[]> {
    let pieces: Piece[] = [];
    let bytes = 0;
    for (const item of this.#content.files) {
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
    const { parts, hasHoles, damage } = filePartsOf(this.#options.repository, item.node);
    if (damage !== undefined) {
      // Without its length no header fits.
      this.#options.tally.leaveOut(item, damage);
      return;
    }
    const size = parts.reduce((sum, part) => sum + part.bytes, 0);
    const sparse = hasHoles ? { size, map: sparseMapBlock(parts, size) } : undefined;
    const dataParts = parts.filter((part) => part.blobs.length > 0);
    const stored = dataParts.reduce((sum, part) => sum + part.bytes, sparse?.map.length ?? 0);
    const start: PieceStart = { stored, sparse };
    const padding = tarPaddingBytes(stored);
    const runs = [...splitRuns(dataParts)];
    if (runs.length === 0) yield [{ item, start, blobs: [], padding, isLast: true }, 0];
    for (const [at, run] of runs.entries()) {
      const isLast = at === runs.length - 1;
      yield [
        {
          item,
          start: at === 0 ? start : undefined,
          blobs: run.blobs,
          padding: run.fillBytes + (isLast ? padding : 0),
          isLast,
        },
        run.bytes,
      ];
    }
  }

  async #writePieces(output: TarOutput, pieces: readonly Piece[], blobs: Map<string, Uint8Array | LifeboatError>): Promise<void> {
    for (const piece of pieces) {
      const damage = piece.start !== undefined && piece.isLast ? damageOf(piece, blobs) : undefined;
      if (damage !== undefined) {
        // Nothing of this file has gone out yet: it is left out whole, the others go on.
        this.#options.tally.leaveOut(piece.item, damage.message);
        continue;
      }
      for (const bytes of this.#bytesOf(piece, blobs)) {
        const isOnItsWay = output.write(bytes);
        if (isOnItsWay !== undefined) await isOnItsWay;
      }
      if (piece.isLast) this.#options.tally.filesDone++;
      this.#options.tally.tell(piece.item);
    }
  }

  *#bytesOf({ item, start, blobs: ids, padding }: Piece, blobs: Map<string, Uint8Array | LifeboatError>): Generator<Uint8Array> {
    if (start !== undefined) yield headersOf(item, start.stored, start.sparse?.size);
    if (start?.sparse !== undefined) yield start.sparse.map;
    for (const id of ids) {
      const bytes = this.#bytesOrZeros(item, id, blobs.get(id));
      yield bytes;
      this.#options.tally.bytesDone += bytes.length;
    }
    if (padding > 0) yield zeros.subarray(0, padding);
  }

  /** The header of a large file has gone out before this blob was read: its place must be filled, and the rest is worth having. */
  #bytesOrZeros({ path, node }: RestoreItem, id: string, blob: Uint8Array | LifeboatError | undefined): Uint8Array {
    if (blob instanceof Uint8Array) return blob;
    if (blob === undefined) throw new Error(`data blob ${id} was not loaded`);
    const { tally } = this.#options;
    if (!tally.lost.has(path)) {
      tally.lost.add(path);
      tally.report(path, `stands with zeros where its data is lost: ${blob.message}`);
    }
    return Buffer.alloc(filePartsOf(this.#options.repository, { ...node, content: [id] }).parts[0]?.bytes ?? 0);
  }

  /** The write side broke: tar's own words say more than a closed pipe. */
  async #explainFailure(command: RunningCommand, error: unknown): Promise<never> {
    command.endInput();
    const exit = await command.exit.catch(() => undefined);
    const { failure } = this.#options.target.judge(exit?.status ?? null, command.stderr());
    throw failure ?? error;
  }

  async #judgeExit(command: RunningCommand): Promise<void> {
    const { status } = await command.exit;
    const { failure, problems } = this.#options.target.judge(status, command.stderr());
    if (failure !== undefined) throw failure;
    this.#options.tally.reportTarget(problems, this.#options.stages);
  }
}

function headersOf(item: RestoreItem, bytes: number, sparseSize?: number): Buffer {
  const path = item.writeTo ?? item.path;
  return tarHeaders({ ...item, path, bytes, ...(sparseSize !== undefined && { sparseSize }) });
}

function damageOf(piece: Piece, blobs: Map<string, Uint8Array | LifeboatError>): LifeboatError | undefined {
  for (const id of piece.blobs) {
    const blob = blobs.get(id);
    if (blob instanceof LifeboatError) return blob;
  }
  return undefined;
}

interface BlobRun {
  readonly blobs: string[];
  bytes: number;
  fillBytes: number;
}

/** Runs of at most 8 MiB, so that a large file does not fill a window alone; a part that is filled up ends one. */
function* splitRuns(parts: readonly FilePart[]): Generator<BlobRun> {
  let run: BlobRun = { blobs: [], bytes: 0, fillBytes: 0 };
  for (const part of parts) {
    for (const [at, id] of part.blobs.entries()) {
      run.blobs.push(id);
      run.bytes += part.blobBytes[at]!;
      run.fillBytes = at === part.blobs.length - 1 ? part.fillBytes : 0;
      if (run.bytes < 8 * 1024 * 1024 && run.fillBytes === 0) continue;
      yield run;
      run = { blobs: [], bytes: 0, fillBytes: 0 };
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
