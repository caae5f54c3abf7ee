import { sha256Hex } from "../../crypto/index.ts";
import { defaultMaxBytes, type GetOptions, type ObjectStore } from "../object-store.ts";
import type { CachedKind, CacheFolder } from "./cache-folder.ts";

export interface CachedStoreOptions {
  /**
   * Nothing that stood in the cache before is believed, so that every object is read from the store once; what was read or stored
   * since then is taken from the cache. For who wants to know whether the store has it whole.
   */
  readonly distrust?: boolean | undefined;
}

interface Kept {
  readonly kind: CachedKind;
  readonly id: string;
}

/**
 * The same store, with index files, snapshot files and packs of folders (those that are asked for as `metadata`) kept in a folder of
 * this machine. These objects never change and are named by the hash of their bytes: only bytes of that hash are taken from the
 * folder, all else is read from the store and put there anew. Which objects there are is always asked of the store; index and snapshot
 * files that it no longer lists are removed from the folder. It belongs above the retries: a read that broke is none of its business.
 */
export function createCachedStore(
  store: ObjectStore,
  cache: CacheFolder,
  { distrust = false }: CachedStoreOptions = {},
): ObjectStore {
  const believed = new Set<string>();
  const believe = (id: string) => void (distrust && believed.add(id));

  const take = async ({ kind, id }: Kept, { into, maxBytes = defaultMaxBytes }: GetOptions): Promise<Uint8Array | undefined> => {
    if (distrust && !believed.has(id)) return undefined;
    const bytes = await cache.read(kind, id, Math.min(maxBytes, into?.length ?? maxBytes));
    if (bytes === undefined) return undefined;
    if (sha256Hex(bytes) !== id) {
      // Cut by a power loss, rotten, or put there by somebody: the store's own takes its place.
      await cache.remove(kind, id);
      return undefined;
    }
    if (into === undefined) return bytes;
    into.set(bytes);
    return into.subarray(0, bytes.length);
  };

  const serverTime = store.serverTime?.bind(store);
  return {
    url: store.url,
    connections: store.connections,
    async *list(prefix, options) {
      // Packs go by the index (Repository.loadIndex): the copy of one that the store has lost may be the last.
      const isClearing = options?.after === undefined && !distrust && (prefix === "index/" || prefix === "snapshots/");
      const kind = isClearing ? (prefix.slice(0, -1) as CachedKind) : undefined;
      const gone = kind === undefined ? new Set<string>() : await cache.list(kind);
      for await (const object of store.list(prefix, options)) {
        if (gone.size > 0) gone.delete(object.name.slice(-64));
        yield object;
      }
      // Only after a whole listing: one that was broken off says nothing of the rest.
      if (kind !== undefined) for (const id of gone) await cache.remove(kind, id);
    },
    stat: (name, options) => store.stat(name, options),
    async get(name, options = {}) {
      const { offset, length, pace } = options;
      const isWhole = offset === undefined && length === undefined;
      const kept = isWhole && pace === undefined ? keptOf(name, options.metadata) : undefined;
      if (kept === undefined) return store.get(name, options);
      options.signal?.throwIfAborted();
      const known = await take(kept, options);
      if (known !== undefined) return known;
      const bytes = await store.get(name, options);
      if (sha256Hex(bytes) === kept.id) {
        await (await cache.begin(kept.kind, kept.id, bytes)).commit();
        believe(kept.id);
      }
      return bytes;
    },
    getStream: (name, options) => store.getStream(name, options),
    async put(name, body, options = {}) {
      const kept = keptOf(name, options.metadata);
      if (kept === undefined || options.sha256 !== kept.id) return store.put(name, body, options);
      // Both at once, from the same memory: the disk is faster than the line.
      const beginning = cache.begin(kept.kind, kept.id, body);
      try {
        await store.put(name, body, options);
      } catch (error) {
        // What the store does not have must not be found here.
        await (await beginning).drop();
        throw error;
      }
      await (await beginning).commit();
      believe(kept.id);
    },
    async delete(name, options) {
      await store.delete(name, options);
      const kept = keptOf(name, true);
      if (kept !== undefined) await cache.remove(kept.kind, kept.id);
    },
    ...(serverTime === undefined ? {} : { serverTime }),
    close: () => store.close(),
  };
}

/** undefined: an object that is not kept. */
function keptOf(name: string, metadata: boolean | undefined): Kept | undefined {
  const [, folder, pack, id = ""] = /^(?:(index|snapshots)|(data)\/[0-9a-f]{2})\/([0-9a-f]{64})$/.exec(name) ?? [];
  if (folder !== undefined) return { kind: folder as CachedKind, id };
  return pack !== undefined && metadata === true ? { kind: "data", id } : undefined;
}
