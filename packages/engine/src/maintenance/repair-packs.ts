import { type Clock, LifeboatError, type ProgressListener } from "@lifeboat/model";
import { sha256Hex } from "../crypto/index.ts";
import {
  type BlobType,
  type IndexedPack,
  idOfName,
  objectName,
  objectPrefix,
  type PackedBlob,
  packBytes,
} from "../format/index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import type { Repository } from "../repository/repository.ts";
import { loadIndexFiles } from "./load-index-files.ts";
import { createProgressReporter } from "./progress-reporter.ts";
import { readPackHeader } from "./read-pack-header.ts";
import { rewriteIndexFiles } from "./rewrite-index-files.ts";
import { isDamage } from "./walk-trees.ts";

export interface RepairPacksOptions {
  /** Ids of the packs. */
  readonly packs: readonly string[];
  /** Only look; nothing is written. */
  readonly dryRun?: boolean | undefined;
  /** Given each damaged pack as it lies in the store, before anything changes: to keep a copy. Throw to stop. */
  readonly saveCopy?: ((id: string, bytes: Uint8Array) => Promise<void>) | undefined;
  /** Called before anything is replaced or deleted; throw to stop: a lost lock protects nothing. */
  readonly beforeReplace: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
}

export interface RepairedPack {
  readonly id: string;
  /**
   * sound: nothing was done. restored: this machine's cache had it whole. salvaged: what opens was moved, the rest is lost.
   * absent: neither an index nor the store knows it, as an earlier repair leaves it.
   */
  readonly outcome: "sound" | "restored" | "salvaged" | "absent";
  /** Blobs that open, of those that the index or the pack itself names. */
  readonly salvagedBlobs: number;
  readonly lostBlobs: readonly { readonly id: string; readonly type: BlobType }[];
}

export interface RepairPacksResult {
  readonly packs: readonly RepairedPack[];
  /** Packs that could not be deleted: no index names them any more, so the next prune does it. */
  readonly leftPacks: number;
}

/** Larger packs than any tool writes are not held in memory. */
const maxPackBytes = 512 * 1024 * 1024;

/**
 * Moves what still opens of damaged packs into new ones, and removes them, as restic's `repair packs`. One that is sound stays as it is; one
 * that this machine's cache has whole is stored again.
 *
 * Order: copies for the person; blobs that open are stored in new packs, then these are indexed; index files without the damaged packs
 * are stored, then those that they replace go; then the damaged packs. Killed at any time, each blob that opens is named by an
 * index and is there, perhaps twice; the next call does the rest. What only a damaged pack held is in no index afterwards: `repairSnapshots`
 * takes it out of the snapshots. A call that was killed has perhaps done some of the packs: these are `absent` the next time and not an error,
 * so that the same words can be said again. The caller holds the exclusive lock. What the given repository remembers of its index is out of
 * date afterwards.
 */
export async function repairPacks(original: Repository, options: RepairPacksOptions): Promise<RepairPacksResult> {
  const { signal, dryRun = false } = options;
  const repository = original.forgetful({ distrustCache: true });
  const reporter = createProgressReporter(options.clock, options.progress);
  const wanted = new Set(options.packs);
  const index = await loadIndexFiles(repository, { signal });
  const [damaged] = index.damaged;
  // It may name these packs, and a machine that has it in its cache would build on it when they are gone.
  if (damaged !== undefined) {
    throw new LifeboatError("repository-damaged", `${damaged.detail}; no pack was repaired`, {
      hint: "Run 'lifeboat repo repair index' first: then the index names all packs that can be read.",
    });
  }
  const indexed = new Map<string, PackedBlob[]>();
  for (const { packId, ...blob } of index.repository.index.entries()) {
    if (!wanted.has(packId)) continue;
    const list = indexed.get(packId);
    if (list === undefined) indexed.set(packId, [blob]);
    else list.push(blob);
  }
  const sizes = await findPacks(repository, wanted, signal);
  const repaired: RepairedPack[] = [];
  // It knows no blob, so that it stores those that the damaged packs have.
  const target = repository.forgetful();
  const writer = new BlobWriter(target, { signal });
  try {
    for (const id of wanted) {
      const parts = { original, repository, writer, dryRun };
      repaired.push(await repairPack(parts, { id, bytes: sizes.get(id), blobs: indexed.get(id) ?? [] }, options));
      reporter.tell(() => ({ phase: "salvaging packs", percent_done: repaired.length / wanted.size }));
    }
    if (!dryRun) await writer.finish();
  } finally {
    await writer.close();
  }
  const found = withoutCopies(repaired, index.repository, wanted);
  const gone = new Set(repaired.filter(({ outcome }) => outcome === "salvaged").map(({ id }) => id));
  if (dryRun || gone.size === 0) return { packs: found, leftPacks: 0 };
  const files = [...index.files].filter(([, { packs }]) => packs.some((id) => gone.has(id))).map(([id]) => id);
  await rewriteIndexFiles(repository, { files, leaveOut: gone, beforeDelete: options.beforeReplace, signal });
  await options.beforeReplace();
  let leftPacks = 0;
  for (const id of gone) {
    // All of it that opens has another place. Killed here, no index names it any more, and prune removes it.
    await repository.store.delete(objectName("pack", id), { signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      if (!(error instanceof LifeboatError)) throw error;
      leftPacks++;
    });
  }
  return { packs: found, leftPacks };
}

/** A blob is lost only where no other pack has it: one that is not to be repaired, or one from which it was salvaged. */
function withoutCopies(packs: readonly RepairedPack[], { index }: Repository, wanted: ReadonlySet<string>): RepairedPack[] {
  const lostIn = new Map(packs.map(({ id, lostBlobs }) => [id, new Set(lostBlobs.map((blob) => `${blob.type} ${blob.id}`))]));
  const hasCopy = ({ id, type }: { id: string; type: BlobType }) =>
    index.locateAll(id, type).some(({ packId }) => !wanted.has(packId) || lostIn.get(packId)?.has(`${type} ${id}`) === false);
  return packs.map((pack) => ({ ...pack, lostBlobs: pack.lostBlobs.filter((blob) => !hasCopy(blob)) }));
}

interface DamagedPack {
  readonly id: string;
  /** As listed; undefined: it is not there. */
  readonly bytes: number | undefined;
  /** What the index says of it. */
  readonly blobs: readonly PackedBlob[];
}

interface RepairParts {
  readonly original: Repository;
  readonly repository: Repository;
  readonly writer: BlobWriter;
  readonly dryRun: boolean;
}

async function repairPack(
  { original, repository, writer, dryRun }: RepairParts,
  { id, bytes, blobs }: DamagedPack,
  { signal, saveCopy, beforeReplace }: RepairPacksOptions,
): Promise<RepairedPack> {
  // Also when this machine's cache has it: nothing needs a pack that no index names, and the next prune would remove it.
  if (bytes === undefined && blobs.length === 0) return { id, outcome: "absent", salvagedBlobs: 0, lostBlobs: [] };
  const name = objectName("pack", id);
  const stored = bytes === undefined ? undefined : await readPack(repository, id, bytes, signal);
  const header = bytes === undefined ? undefined : await headerOf(repository, id, bytes, signal);
  const isNamedRight = stored !== undefined && sha256Hex(stored) === id;
  if (isNamedRight && header !== undefined && saysSame(blobs, header.blobs) && packBytes(header.blobs) === bytes) {
    return { id, outcome: "sound", salvagedBlobs: header.blobs.length, lostBlobs: [] };
  }
  const kept = isNamedRight ? undefined : await keptOf(original, id, signal);
  if (kept !== undefined) {
    if (!dryRun) {
      if (stored !== undefined) await saveCopy?.(id, stored);
      await beforeReplace();
      // The same name has the bytes that it stands for again; a store replaces an object as a whole.
      await repository.store.put(name, kept, { sha256: id, signal });
    }
    return { id, outcome: "restored", salvagedBlobs: blobs.length, lostBlobs: [] };
  }
  if (stored !== undefined && !dryRun) await saveCopy?.(id, stored);
  const lostBlobs = new Map<string, { id: string; type: BlobType }>();
  const salvaged = new Set<string>();
  // As the index has it and as the pack has it: one of the two may be what is damaged.
  for (const blob of [...blobs, ...(header?.blobs ?? [])]) {
    signal.throwIfAborted();
    const key = `${blob.type} ${blob.id}`;
    if (salvaged.has(key)) continue;
    const plain = stored && openBlob(repository, id, blob, stored);
    if (plain === undefined) {
      lostBlobs.set(key, { id: blob.id, type: blob.type });
      continue;
    }
    salvaged.add(key);
    lostBlobs.delete(key);
    if (!dryRun) await writer.saveKnown(blob.type, blob.id, plain);
  }
  return { id, outcome: "salvaged", salvagedBlobs: salvaged.size, lostBlobs: [...lostBlobs.values()] };
}

async function readPack(repository: Repository, id: string, bytes: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
  if (bytes > maxPackBytes) throw repository.damaged("pack", id, `it has ${bytes} bytes, more than any program stores`);
  try {
    return await repository.store.get(objectName("pack", id), { signal });
  } catch (error) {
    // Nothing of it can be read; that the store cannot be reached is another matter.
    if (isDamage(error)) return undefined;
    throw error;
  }
}

async function headerOf(
  repository: Repository,
  id: string,
  bytes: number,
  signal: AbortSignal,
): Promise<IndexedPack | undefined> {
  try {
    return await readPackHeader(repository, id, bytes, { signal });
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

/** The whole pack, where the cache of this machine has it. */
async function keptOf(original: Repository, id: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  try {
    const bytes = await original.store.get(objectName("pack", id), { metadata: true, signal });
    return sha256Hex(bytes) === id ? bytes : undefined;
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

function openBlob(repository: Repository, packId: string, blob: PackedBlob, pack: Uint8Array): Buffer | undefined {
  if (blob.offset + blob.length > pack.length) return undefined;
  try {
    return repository.openBlob({ ...blob, packId }, pack.subarray(blob.offset, blob.offset + blob.length));
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

function saysSame(indexed: readonly PackedBlob[], own: readonly PackedBlob[]): boolean {
  const textOf = ({ id, type, offset, length, uncompressedLength }: PackedBlob) =>
    `${id} ${type} ${offset} ${length} ${uncompressedLength}`;
  const texts = new Set(own.map(textOf));
  return indexed.length === own.length && indexed.every((blob) => texts.has(textOf(blob)));
}

async function findPacks(repository: Repository, wanted: ReadonlySet<string>, signal: AbortSignal): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { name, size } of repository.store.list(objectPrefix("pack"), { signal })) {
    const id = idOfName(name);
    if (id !== undefined && wanted.has(id)) sizes.set(id, size);
  }
  return sizes;
}
