import { sha256Hex } from "../crypto/index.ts";
import { type IndexedPack, objectName } from "../format/index.ts";
import { Limiter } from "../repository/limiter.ts";
import type { Repository } from "../repository/repository.ts";
import { OpeningPool } from "../restorer/opening-pool.ts";
import { createPackMemory, type PackMemory, sharedRoomFor } from "../restorer/pack-memory.ts";
import type { CheckErrors, ReadDataChoice } from "./check-report.ts";
import { loadIndexFile } from "./load-index-files.ts";
import { isDamage } from "./walk-trees.ts";

/** Memory of packs under way, from asking for them until they are judged: three of the usual size. */
const bytesInFlight = 60 * 1024 * 1024;

export interface ReadPacksOptions {
  /** Bytes of each pack to read, as listed. */
  readonly packs: ReadonlyMap<string, number>;
  /** Index files in which they are found. */
  readonly indexFiles: Iterable<string>;
  readonly errors: CheckErrors;
  readonly hints: string[];
  readonly signal: AbortSignal;
  readonly onRead: (bytes: number) => void;
}

/**
 * Of the packs with their sizes. A part is the same for everybody who asks with the same number, so that parts 1/5 to 5/5 cover
 * everything, also when restic reads some of them.
 */
export function choosePacks(sizes: ReadonlyMap<string, number>, choice: ReadDataChoice, now: number): Set<string> {
  const packs = [...sizes.keys()];
  if (choice === false) return new Set();
  if (choice === true) return new Set(packs);
  if ("part" in choice) return new Set(packs.filter((id) => Number.parseInt(id.slice(0, 2), 16) % choice.of === choice.part - 1));
  // Another share at each time, without a source of chance of our own.
  const shuffled = packs
    .map((id) => ({ id, rank: sha256Hex(Buffer.from(`${now} ${id}`)) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  if ("ratio" in choice) return new Set(shuffled.slice(0, Math.ceil(packs.length * choice.ratio)).map(({ id }) => id));
  let left = choice.bytes;
  const chosen = new Set<string>();
  for (const { id } of shuffled) {
    // At least one: a repository whose packs are all larger would never be read.
    if (left <= 0) break;
    chosen.add(id);
    left -= sizes.get(id)!;
  }
  return chosen;
}

/**
 * Reads packs whole: name, every blob, header, and what the index says of them. The blobs of a pack come from the index files, read
 * once more and one at a time: a list of all blobs by pack would not fit into memory for a large repository.
 */
export async function readPacks(repository: Repository, options: ReadPacksOptions): Promise<void> {
  const { signal, packs } = options;
  if (packs.size === 0) return;
  const pool = new OpeningPool(repository.masterKey);
  const memory = createPackMemory();
  const room = new Limiter(bytesInFlight);
  const fetching = new Limiter(Math.max(repository.store.connections, 2));
  const underWay = new Set<Promise<void>>();
  const done = new Set<string>();
  let failure: { error: unknown } | undefined;
  try {
    for (const id of options.indexFiles) {
      for (const pack of await loadIndexFile(repository, id, { signal })) {
        const bytes = packs.get(pack.id);
        if (bytes === undefined || done.has(pack.id)) continue;
        done.add(pack.id);
        const taken = sharedRoomFor(bytes);
        await room.acquire(taken);
        if (failure !== undefined) throw failure.error;
        const work: Promise<void> = readPack({ repository, pool, memory, fetching }, pack, bytes, options)
          .catch((error: unknown) => {
            failure ??= { error };
          })
          .finally(() => {
            room.release(taken);
            underWay.delete(work);
          });
        underWay.add(work);
      }
    }
    await Promise.all(underWay);
    if (failure !== undefined) throw failure.error;
  } finally {
    await pool.close();
  }
}

interface ReadingParts {
  readonly repository: Repository;
  readonly pool: OpeningPool;
  readonly memory: PackMemory;
  readonly fetching: Limiter;
}

async function readPack(
  { repository, pool, memory, fetching }: ReadingParts,
  pack: IndexedPack,
  bytes: number,
  { errors, hints, signal, onRead }: ReadPacksOptions,
): Promise<void> {
  const read = async (): Promise<{ damages: readonly string[]; badBlobs?: readonly string[] }> => {
    await fetching.acquire(1);
    const into = memory.take(bytes);
    try {
      const whole = await repository.store.get(objectName("pack", pack.id), { signal, into }).finally(() => fetching.release(1));
      return await pool.check(pack.id, whole as typeof into, pack.blobs);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { damages: [error.message] };
    } finally {
      memory.give(into.buffer);
    }
  };
  const [damage] = (await read()).damages;
  if (damage !== undefined) {
    // A second reading tells a damaged pack from a bad transfer.
    const { damages, badBlobs } = await read();
    if (damages.length === 0) hints.push(`pack ${pack.id} was damaged when first read (${damage}) and sound the second time`);
    else errors.add("pack-damaged", pack.id, `pack ${pack.id}: ${damages.slice(0, 5).join("; ")}`, badBlobs);
  }
  onRead(bytes);
}
