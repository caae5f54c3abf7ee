import { isLifeboatError, LifeboatError, messageOf } from "@lifeboat/model";
import { type CacheFolder, createCachedStore, type ObjectStore, type StoreLocation } from "../backend/index.ts";
import { type BlobCodec, createBlobCodec } from "../blob-codec/index.ts";
import { Sealer, type SealKey, sealOverheadBytes, sha256Hex, TagMismatch } from "../crypto/index.ts";
import {
  type BlobType,
  decodeIndex,
  decodeSnapshot,
  decodeTree,
  decodeUnpacked,
  encodeSnapshot,
  encodeUnpacked,
  idOfName,
  maxUnpackedBytes,
  type ObjectKind,
  objectName,
  objectPrefix,
  type RepositoryConfig,
  type SideKind,
  type Snapshot,
  type SnapshotFields,
  sidePrefix,
  type TreeNode,
} from "../format/index.ts";
import { BlobIndex, type BlobLocation } from "./blob-index.ts";
import { PackCache } from "./pack-cache.ts";

/**
 * An opened repository: its key is known. Blobs can be read after `loadIndex`.
 * Errors of all members: `repository-damaged` for anything that fails its tag, its hash or its form, and those of the store.
 */
export class Repository {
  /** With the cache before it, where there is one. */
  readonly store: ObjectStore;
  /** Where it lies, for threads that open it on their own; undefined for a store in memory. */
  readonly location: StoreLocation | undefined;
  readonly masterKey: SealKey;
  /** The key file that was opened: the one that must not be removed. */
  readonly keyId: string;
  readonly config: RepositoryConfig;
  readonly sealer: Sealer;
  readonly index = new BlobIndex();
  readonly #codec: BlobCodec;
  readonly #trees = new PackCache(treePackBytes);
  readonly #indexIds = new Set<string>();
  /** Packs that were asked for in vain, and the look at the index that followed. */
  readonly #lostPacks = new Map<string, Promise<void>>();
  readonly #bareStore: ObjectStore;
  readonly #cache: CacheFolder | undefined;

  constructor(parts: {
    store: ObjectStore;
    location: StoreLocation | undefined;
    masterKey: SealKey;
    keyId: string;
    config: RepositoryConfig;
    /** undefined: everything is read from the store. */
    cache?: CacheFolder | undefined;
    /** The store with the cache before it, where there is one already. */
    cachedStore?: ObjectStore | undefined;
  }) {
    this.#bareStore = parts.store;
    this.#cache = parts.cache;
    const cached = parts.cachedStore ?? (parts.cache && createCachedStore(parts.store, parts.cache));
    this.store = cached ?? parts.store;
    this.location = parts.location;
    this.masterKey = parts.masterKey;
    this.keyId = parts.keyId;
    this.config = parts.config;
    this.sealer = new Sealer(parts.masterKey);
    this.#codec = createBlobCodec(parts.masterKey);
  }

  /**
   * The same repository without anything remembered. Shares the store: do not close it. With `distrustCache` it reads each object from
   * the store, also those that this machine keeps: for who judges what the store has.
   */
  forgetful({ distrustCache = false }: { readonly distrustCache?: boolean } = {}): Repository {
    const { location, masterKey, keyId, config } = this;
    const store = this.#bareStore;
    const cache = this.#cache;
    const isAnew = cache !== undefined && distrustCache;
    const cachedStore = isAnew ? createCachedStore(store, cache, { distrust: true }) : this.store;
    return new Repository({ store, location, masterKey, keyId, config, cache, cachedStore });
  }

  /** Ids of the index files that are loaded. */
  get indexIds(): ReadonlySet<string> {
    return this.#indexIds;
  }

  /** Loads what is not loaded yet. List snapshots before this: what they name is then in the index (repository-format 6). */
  async loadIndex(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const loaded = this.#indexIds;
    const ids = (await this.listIds("index", options)).filter((id) => !loaded.has(id));
    await forEachLimited(ids, this.store.connections, async (id) => {
      const json = await this.loadUnpacked("index", id, options);
      try {
        for (const pack of decodeIndex(json)) this.index.addPack(pack);
      } catch (error) {
        throw this.damaged("index", id, error);
      }
      loaded.add(id);
    });
    for (const id of (await this.#cache?.list("data")) ?? []) if (!this.index.hasPack(id)) await this.#cache?.remove("data", id);
  }

  /** A prune takes the index files that name what it removes; the store itself is asked, not a cache. */
  async areIndexFilesThere(ids: Iterable<string>, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<boolean> {
    const there = new Set(await this.listIds("index", options));
    for (const id of ids) if (!there.has(id)) return false;
    return true;
  }

  async listIds(kind: ObjectKind, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<string[]> {
    const ids: string[] = [];
    for await (const { name } of this.store.list(objectPrefix(kind), options)) {
      const id = idOfName(name);
      if (id !== undefined) ids.push(id);
    }
    return ids;
  }

  async loadUnpacked(
    kind: ObjectKind,
    id: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<unknown> {
    const most = kind === "index" ? maxUnpackedBytes : maxSmallBytes;
    const bytes = await this.store.get(objectName(kind, id), { ...options, ...(kind !== "index" && { maxBytes: most }) });
    if (sha256Hex(bytes) !== id) throw this.damaged(kind, id, "its hash is not its name");
    try {
      return decodeUnpacked(this.sealer, bytes, most);
    } catch (error) {
      throw this.damaged(kind, id, error);
    }
  }

  async saveUnpacked(kind: ObjectKind, json: string): Promise<string> {
    const { id, bytes } = encodeUnpacked(this.sealer, json);
    await this.store.put(objectName(kind, id), bytes, { sha256: id });
    return id;
  }

  /**
   * Oldest first. Throws at the first one that cannot be read: a list with holes must not decide what is forgotten. Who only reads
   * gives `onDamaged`, and gets all the others: one bad object must not stand before a restore.
   */
  async listSnapshots(options: ListSnapshotsOptions = {}): Promise<Snapshot[]> {
    const snapshots: Snapshot[] = [];
    await forEachLimited(await this.listIds("snapshot", options), this.store.connections * 2, async (id) => {
      try {
        snapshots.push(await this.loadSnapshot(id, options));
      } catch (error) {
        if (options.onDamaged === undefined || !isLifeboatError(error, "repository-damaged")) throw error;
        options.onDamaged(id, error);
      }
    });
    return snapshots.sort((a, b) => Date.parse(a.time) - Date.parse(b.time) || (a.id < b.id ? -1 : 1));
  }

  async loadSnapshot(id: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Snapshot> {
    const json = await this.loadUnpacked("snapshot", id, options);
    try {
      return decodeSnapshot(id, json);
    } catch (error) {
      throw this.damaged("snapshot", id, error);
    }
  }

  /**
   * Seals a snapshot, so that its id is known; `commit` stores it. That is the commit point of a backup: everything it names must
   * be durable and indexed before.
   */
  prepareSnapshot(fields: SnapshotFields): { readonly snapshot: Snapshot; readonly commit: () => Promise<void> } {
    const { id, bytes } = encodeUnpacked(this.sealer, encodeSnapshot(fields));
    return { snapshot: { ...fields, id }, commit: () => this.store.put(objectName("snapshot", id), bytes, { sha256: id }) };
  }

  async saveSnapshot(fields: SnapshotFields): Promise<Snapshot> {
    const { snapshot, commit } = this.prepareSnapshot(fields);
    await commit();
    return snapshot;
  }

  /** A folder's nodes. */
  async loadTree(id: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<TreeNode[]> {
    const bytes = await this.loadBlob(id, "tree", options);
    try {
      return decodeTree(bytes);
    } catch (error) {
      throw this.damaged("tree", id, error);
    }
  }

  /** The plain bytes, verified; a damaged copy is passed over when there is another. */
  async loadBlob(id: string, type: BlobType, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Buffer> {
    const tried = new Set<string>();
    let failure: unknown;
    for (let hasNews = true; hasNews; ) {
      hasNews = false;
      for (const location of this.index.locateAll(id, type).filter(({ packId }) => !tried.has(packId))) {
        tried.add(location.packId);
        try {
          return this.openBlob(location, await this.#sealedBytes(location, options));
        } catch (error) {
          options.signal?.throwIfAborted();
          failure = error;
          if (isLifeboatError(error, "object-missing")) hasNews = await this.#hearOfLostPack(location.packId, options);
        }
      }
    }
    if (failure !== undefined) throw failure;
    throw new LifeboatError("repository-damaged", `${type} blob ${id} is in no index of ${this.store.url}`, {
      context: { blob: id },
    });
  }

  /** It was asked for and is not there; what was needed of it may lie in another one. */
  isLostPack(packId: string): boolean {
    return this.#lostPacks.has(packId);
  }

  /**
   * A pack that is not there was removed by a prune since the index was loaded, perhaps: what was needed of it lies in another one, and the
   * index said so before it went. Once for each pack: one that is lost must not cost a listing for each of its blobs. True: look again.
   */
  async #hearOfLostPack(packId: string, options: { readonly signal?: AbortSignal | undefined }): Promise<boolean> {
    // Who has loaded index files in a way of its own judges them, and holds the lock.
    if (this.#indexIds.size === 0) return false;
    let hearing = this.#lostPacks.get(packId);
    if (hearing === undefined) {
      hearing = this.loadIndex(options).catch((error: unknown) => {
        this.#lostPacks.delete(packId);
        throw error;
      });
      this.#lostPacks.set(packId, hearing);
    }
    await hearing;
    return true;
  }

  /** Opens, decompresses and hashes a sealed blob. */
  openBlob(location: BlobLocation, sealed: Uint8Array): Buffer {
    try {
      return this.#codec.open(location, sealed);
    } catch (error) {
      throw this.damaged("pack", location.packId, error);
    }
  }

  async #sealedBytes(location: BlobLocation, options: { readonly signal?: AbortSignal | undefined }): Promise<Uint8Array> {
    const { packId, type, offset, length } = location;
    const name = objectName("pack", packId);
    if (length < sealOverheadBytes) throw this.damaged("pack", packId, `blob ${location.id} has ${length} bytes in the index`);
    if (type === "data") return this.store.get(name, { offset, length, ...options });
    const pack = await this.#trees.get(packId, () => this.store.get(name, { ...options, metadata: true }));
    if (offset + length > pack.length) throw this.damaged("pack", packId, `ends at ${pack.length}, within blob ${location.id}`);
    return pack.subarray(offset, offset + length);
  }

  /** Side data that stock tools ignore; the name is the hash of the sealed bytes. Durable when it resolves. */
  async saveSide(
    kind: SideKind,
    value: { readonly schema: string },
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<string> {
    const { id, bytes } = encodeUnpacked(this.sealer, JSON.stringify(value));
    await this.store.put(`${sidePrefix(kind)}${id}`, bytes, { sha256: id, ...options });
    return id;
  }

  async listSide(kind: SideKind, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<string[]> {
    const ids: string[] = [];
    for await (const { name } of this.store.list(sidePrefix(kind), options)) {
      const id = idOfName(name);
      if (id !== undefined) ids.push(id);
    }
    return ids;
  }

  async loadSide(kind: SideKind, id: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<unknown> {
    const bytes = await this.store.get(`${sidePrefix(kind)}${id}`, options);
    if (sha256Hex(bytes) !== id) throw this.damaged(kind, id, "its hash is not its name");
    try {
      return decodeUnpacked(this.sealer, bytes);
    } catch (error) {
      throw this.damaged(kind, id, error);
    }
  }

  /** Only for side data that is of no use any more; one that is gone already is no error. */
  async deleteSide(kind: SideKind, id: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.store.delete(`${sidePrefix(kind)}${id}`, options);
  }

  damaged(kind: string, id: string, reason: unknown): LifeboatError {
    const detail =
      reason instanceof TagMismatch
        ? "its authentication tag does not fit"
        : typeof reason === "string"
          ? reason
          : messageOf(reason);
    return new LifeboatError("repository-damaged", `${kind} ${id} in ${this.store.url} is damaged: ${detail}`, {
      context: { kind, id },
      ...(damageHints[kind] !== undefined && { hint: damageHints[kind] }),
      ...(typeof reason !== "string" && { cause: reason }),
    });
  }

  async close(): Promise<void> {
    await this.store.close();
  }
}

/** Four packs of the usual size. */
const treePackBytes = 68 * 1024 * 1024;
/** Snapshots and locks are small; a list of paths and excludes makes them larger, never as large as this. */
const maxSmallBytes = 16 * 1024 * 1024;

/** Where something better is known than to check. */
const damageHints: Readonly<Record<string, string>> = {
  index: "Run 'lifeboat repo repair index': it is made anew from what the packs say of themselves.",
  snapshot:
    "Bring the object back from a replica or an older version of it; 'lifeboat repo check' says what else is damaged. Nothing is forgotten or pruned until then.",
};

export interface ListSnapshotsOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of each one that cannot be read. */
  readonly onDamaged?: ((id: string, error: LifeboatError) => void) | undefined;
}

/** Runs `work` over all items, at most `limit` at once; after the first failure no further one is begun. */
export async function forEachLimited<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async () => {
    while (next < items.length) {
      try {
        await work(items[next++]!);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run));
}
