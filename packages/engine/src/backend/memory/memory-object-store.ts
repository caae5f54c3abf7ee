import { joinBody, paceBody } from "../object-body.ts";
import { checkObjectName, checkPrefix, compareNames } from "../object-name.ts";
import { checkAllowedSize, missingObject, resolveRange } from "../object-range.ts";
import type { ObjectInfo, ObjectStore } from "../object-store.ts";

const streamPartBytes = 256 * 1024;

export interface MemoryStoreOptions {
  /** For messages; default `memory:`. */
  readonly url?: string;
  /** Milliseconds since 1970; without it objects have no modification time and the store no clock. */
  readonly now?: () => number;
}

/** A store that lives as long as the object: for tests, and for what must not touch a disk. */
export function createMemoryStore(options: MemoryStoreOptions = {}): ObjectStore {
  const url = options.url ?? "memory:";
  const objects = new Map<string, { bytes: Uint8Array; info: ObjectInfo }>();

  const find = (name: string) => {
    checkObjectName(name);
    const found = objects.get(name);
    if (found === undefined) throw missingObject({ name, url });
    return found;
  };

  return {
    url,
    connections: 4,
    async *list(prefix, { signal, after } = {}) {
      checkPrefix(prefix);
      const names = [...objects.keys()].filter((name) => name.startsWith(prefix)).sort(compareNames);
      for (const name of names) {
        signal?.throwIfAborted();
        const found = objects.get(name);
        if (found !== undefined && (after === undefined || compareNames(name, after) > 0)) yield found.info;
      }
    },
    async stat(name, { signal } = {}) {
      checkObjectName(name);
      signal?.throwIfAborted();
      return objects.get(name)?.info;
    },
    async get(name, range = {}) {
      range.signal?.throwIfAborted();
      const { bytes } = find(name);
      const { start, end } = resolveRange({ name, url }, bytes.length, range);
      checkAllowedSize({ name, url }, end - start, range);
      if (range.pace !== undefined) for await (const _ of paceBody(bytes.subarray(start, end), range.pace, range.signal));
      if (range.into === undefined) return bytes.slice(start, end);
      range.into.set(bytes.subarray(start, end));
      return range.into.subarray(0, end - start);
    },
    async getStream(name, range = {}) {
      range.signal?.throwIfAborted();
      const { bytes } = find(name);
      const { start, end } = resolveRange({ name, url }, bytes.length, range);
      return (async function* () {
        for (let at = start; at < end; at += streamPartBytes) {
          range.signal?.throwIfAborted();
          yield bytes.slice(at, Math.min(at + streamPartBytes, end));
        }
      })();
    },
    async put(name, body, { signal, pace } = {}) {
      checkObjectName(name);
      signal?.throwIfAborted();
      if (pace !== undefined) for await (const _ of paceBody(body, pace, signal));
      const bytes = joinBody(body).slice();
      const modified = options.now?.();
      objects.set(name, { bytes, info: { name, size: bytes.length, ...(modified === undefined ? {} : { modified }) } });
    },
    async delete(name, { signal } = {}) {
      checkObjectName(name);
      signal?.throwIfAborted();
      objects.delete(name);
    },
    ...(options.now === undefined ? {} : { serverTime: async () => options.now!() }),
    async close() {},
  };
}
