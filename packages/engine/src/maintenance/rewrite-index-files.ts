import { encodeIndex, type IndexedPack, maxBlobsPerIndex, objectName } from "../format/index.ts";
import { forEachLimited, type Repository } from "../repository/repository.ts";
import { loadIndexFile } from "./load-index-files.ts";

/** Stores index files of restic's size as packs are handed over; one file's packs are in memory. */
export class IndexFileWriter {
  readonly #repository: Repository;
  #packs: IndexedPack[] = [];
  #blobs = 0;
  readonly #files: string[] = [];

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  /** Ids of those that were stored. */
  get files(): readonly string[] {
    return this.#files;
  }

  async add(pack: IndexedPack): Promise<void> {
    this.#packs.push(pack);
    this.#blobs += pack.blobs.length;
    if (this.#blobs >= maxBlobsPerIndex) await this.finish();
  }

  /** Everything handed over is durable when it resolves. */
  async finish(): Promise<void> {
    const packs = this.#packs.splice(0);
    this.#blobs = 0;
    if (packs.length === 0) return;
    this.#files.push(await this.#repository.saveUnpacked("index", encodeIndex(packs)));
  }
}

export interface RewriteIndexOptions {
  /** Ids of the index files that are replaced. */
  readonly files: readonly string[];
  /** Those of them that cannot be read: only deleted. */
  readonly unreadable?: readonly string[] | undefined;
  /** Packs that the new files do not name. */
  readonly leaveOut: ReadonlySet<string>;
  /** Called with the ids of the new files when these are stored, before the old ones go; throw to keep both. */
  readonly beforeDelete: (stored: readonly string[]) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Replaces index files by such that name all their packs but some, each once. The new ones are stored before the old ones go: killed
 * in between, some packs are named twice, which is legal. Resolves to the ids of the files that were stored.
 */
export async function rewriteIndexFiles(
  repository: Repository,
  { files, unreadable = [], leaveOut, beforeDelete, signal }: RewriteIndexOptions,
): Promise<readonly string[]> {
  const written = new Set<string>();
  const writer = new IndexFileWriter(repository);
  for (const id of files) {
    for (const pack of await loadIndexFile(repository, id, { signal })) {
      if (leaveOut.has(pack.id) || written.has(pack.id)) continue;
      written.add(pack.id);
      await writer.add(pack);
    }
  }
  await writer.finish();
  signal.throwIfAborted();
  if (files.length + unreadable.length > 0) await beforeDelete(writer.files);
  await forEachLimited([...files, ...unreadable], repository.store.connections, (id) =>
    repository.store.delete(objectName("index", id), { signal }),
  );
  return writer.files;
}
