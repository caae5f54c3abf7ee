import { LifeboatError } from "@lifeboat/model";
import { maxPlainBytes } from "../blob-codec/index.ts";
import { sealOverheadBytes } from "../crypto/index.ts";
import { objectName } from "../format/index.ts";
import type { BlobLocation } from "../repository/blob-index.ts";
import { forEachLimited, type Repository } from "../repository/repository.ts";
import { OpeningPool, plainRoomFor } from "./opening-pool.ts";
import { createPackMemory, leastSharedBytes } from "./pack-memory.ts";

/** Neighbours with a gap up to this are read in one request, as restic does. */
const maxGapBytes = 1024 * 1024;
/** So much at most in one, sealed and opened, unless a single blob has more: a size that `createPackMemory` has. */
const maxRangeBytes = 12 * 1024 * 1024;
/** What does not compress becomes a little longer. */
const mostSealedBytes = maxPlainBytes.data + 1024 * 1024;

/** Loads many blobs at once: few large ranges, opened in threads. */
export class BlobReader {
  readonly #repository: Repository;
  readonly #pool: OpeningPool;
  readonly #memory = createPackMemory();
  /** Memory of plain blobs that somebody may still use. */
  readonly #lent = new Set<SharedArrayBuffer>();
  readonly #willRelease: boolean;
  #bytesRead = 0;

  /** `willRelease`: the caller says of all that it loads when it is done with it, and the memory goes round. */
  constructor(repository: Repository, { willRelease = false }: { readonly willRelease?: boolean } = {}) {
    this.#repository = repository;
    this.#willRelease = willRelease;
    this.#pool = new OpeningPool(repository.masterKey);
  }

  /**
   * Plain, verified bytes of all these data blobs by id. A damaged copy is replaced by another where there is one; what cannot be
   * had at all is an error in the map. Who gave `willRelease` calls `release` when it is done with all of them.
   */
  async load(ids: Iterable<string>, signal: AbortSignal): Promise<Map<string, Uint8Array | LifeboatError>> {
    const found = new Map<string, Uint8Array | LifeboatError>();
    const byPack = new Map<string, BlobLocation[]>();
    for (const id of new Set(ids)) {
      const location = this.#locate(id);
      if (location === undefined) {
        found.set(id, new LifeboatError("repository-damaged", `data blob ${id} is in no index of ${this.#repository.store.url}`));
        continue;
      }
      // What an index says may be nonsense, and memory is taken by it.
      if (location.length < sealOverheadBytes || location.length > mostSealedBytes) {
        found.set(id, await this.#loadOtherCopy(id, signal));
        continue;
      }
      const list = byPack.get(location.packId);
      if (list === undefined) byPack.set(location.packId, [location]);
      else list.push(location);
    }
    const ranges = [...byPack.values()].flatMap((blobs) => mergeRanges(blobs));
    const rooms: SharedArrayBuffer[] = [];
    const underWay: Promise<void>[] = [];
    try {
      await forEachLimited(ranges, this.#repository.store.connections, (range) => {
        const work = this.#loadRange(range, found, rooms, signal);
        underWay.push(work);
        return work;
      });
    } catch (error) {
      // Nobody gets to know these blobs, so nobody would release them; the other ranges are still at work.
      await Promise.allSettled(underWay);
      for (const room of rooms) this.#takeBack(room);
      throw error;
    }
    return found;
  }

  /** Nobody reads these blobs any more: their memory is used for the next ones. */
  release(blobs: ReadonlyMap<string, Uint8Array | LifeboatError>): void {
    for (const blob of blobs.values()) {
      if (blob instanceof Uint8Array && blob.buffer instanceof SharedArrayBuffer) this.#takeBack(blob.buffer);
    }
  }

  /** Sealed bytes that came from the store, with the gaps between blobs that were read along. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  #locate(id: string): BlobLocation | undefined {
    const repository = this.#repository;
    const first = repository.index.locate(id, "data");
    if (first === undefined || !repository.isLostPack(first.packId)) return first;
    return repository.index.locateAll(id, "data").find(({ packId }) => !repository.isLostPack(packId)) ?? first;
  }

  async #loadRange(
    range: readonly BlobLocation[],
    found: Map<string, Uint8Array | LifeboatError>,
    rooms: SharedArrayBuffer[],
    signal: AbortSignal,
  ): Promise<void> {
    const first = range[0]!;
    const last = range.at(-1)!;
    const offset = first.offset;
    const length = last.offset + last.length - offset;
    let plain: (Uint8Array | undefined)[] = [];
    const into = this.#memory.take(length);
    try {
      const bytes = await this.#repository.store.get(objectName("pack", first.packId), { offset, length, signal, into });
      this.#bytesRead += bytes.length;
      const blobs = range.map((blob) => ({ ...blob, offset: blob.offset - offset }));
      const wanted = plainRoomFor(blobs);
      const isShared = this.#willRelease && wanted >= leastSharedBytes;
      const room = isShared ? this.#memory.take(wanted).buffer : new ArrayBuffer(wanted);
      const opened = await this.#pool.open(bytes as typeof into, blobs, room);
      if (opened.target instanceof SharedArrayBuffer) this.#lend(opened.target, opened.plain, rooms);
      plain = opened.plain;
    } catch (error) {
      signal.throwIfAborted();
      // A missing or short pack: each blob may have another copy.
      if (!(error instanceof LifeboatError) || error.retry === "later") throw error;
    } finally {
      this.#memory.give(into.buffer);
    }
    for (const [at, { id }] of range.entries()) found.set(id, plain[at] ?? (await this.#loadOtherCopy(id, signal)));
  }

  #lend(room: SharedArrayBuffer, plain: readonly (Uint8Array | undefined)[], rooms: SharedArrayBuffer[]): void {
    this.#lent.add(room);
    rooms.push(room);
    // Of a range whose blobs are all damaged nothing is handed on, so nothing would be released.
    if (plain.every((blob) => blob === undefined)) this.#takeBack(room);
  }

  #takeBack(room: SharedArrayBuffer): void {
    if (this.#lent.delete(room)) this.#memory.give(room);
  }

  async #loadOtherCopy(id: string, signal: AbortSignal): Promise<Uint8Array | LifeboatError> {
    try {
      return await this.#repository.loadBlob(id, "data", { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof LifeboatError && error.retry === "never") return error;
      throw error;
    }
  }
}

function mergeRanges(blobs: BlobLocation[]): BlobLocation[][] {
  blobs.sort((a, b) => a.offset - b.offset);
  const ranges: BlobLocation[][] = [];
  let plainBytes = 0;
  for (const blob of blobs) {
    const range = ranges.at(-1);
    const previous = range?.at(-1);
    const room = plainRoomFor([blob]);
    const fits =
      range !== undefined &&
      previous !== undefined &&
      blob.offset - (previous.offset + previous.length) <= maxGapBytes &&
      blob.offset + blob.length - range[0]!.offset <= maxRangeBytes &&
      plainBytes + room <= maxRangeBytes;
    if (fits) range.push(blob);
    else ranges.push([blob]);
    plainBytes = fits ? plainBytes + room : room;
  }
  return ranges;
}
