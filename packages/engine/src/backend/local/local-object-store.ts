import { type FileHandle, mkdir, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "@lifeboat/model";
import { bodyParts, paceBody } from "../object-body.ts";
import { checkObjectName, checkPrefix } from "../object-name.ts";
import { brokenTransfer, checkAllowedSize, missingObject, resolveRange } from "../object-range.ts";
import type { ObjectStore, RangeOptions } from "../object-store.ts";
import { listFolder, statFile } from "./list-folder.ts";
import { errnoOf, localError } from "./local-errors.ts";
import { type LocalModes, makeFolder, readModes, syncFolder, writeFileDurably } from "./write-file-durably.ts";

const streamPartBytes = 256 * 1024;

export interface LocalStoreOptions {
  /** Absolute path of the repository's folder; it is created by the first `put`. */
  readonly path: string;
  /** For `serverTime`: a folder has no clock of its own. */
  readonly clock?: Clock | undefined;
  /** Operations worth running at once; default 2 as in restic. */
  readonly connections?: number | undefined;
}

/** A repository in a folder, in restic's layout. */
export function createLocalStore({ path: root, clock, connections = 2 }: LocalStoreOptions): ObjectStore {
  const url = root;
  let modes: Promise<LocalModes> | undefined;

  const attempt = async <T>(doing: string, name: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw localError(error, doing, { name, url });
    }
  };

  return {
    url,
    connections,
    async *list(prefix, options = {}) {
      checkPrefix(prefix);
      try {
        yield* listFolder(root, prefix, options);
      } catch (error) {
        throw localError(error, "listing", { name: prefix, url });
      }
    },
    async stat(name, { signal } = {}) {
      checkObjectName(name);
      signal?.throwIfAborted();
      return attempt("looking at", name, () => statFile(root, name));
    },
    async get(name, range = {}) {
      checkObjectName(name);
      return attempt("reading", name, async () => {
        const { handle, start, end } = await openRange(root, name, range);
        try {
          checkAllowedSize({ name, url }, end - start, range);
          const bytes = range.into?.subarray(0, end - start) ?? Buffer.allocUnsafeSlow(end - start);
          let at = 0;
          while (at < bytes.length) {
            range.signal?.throwIfAborted();
            const wanted = Math.min(bytes.length - at, range.pace?.pieceBytes() ?? bytes.length);
            await range.pace?.take(wanted, range.signal);
            const { bytesRead } = await handle.read(bytes, at, wanted, start + at);
            if (bytesRead === 0) throw brokenTransfer({ name, url }, at, bytes.length);
            at += bytesRead;
          }
          return bytes;
        } finally {
          await handle.close();
        }
      });
    },
    async getStream(name, range = {}) {
      checkObjectName(name);
      // Opened and measured now, so that a missing object is known before the first byte is asked for.
      const { handle, start, end } = await attempt("reading", name, () => openRange(root, name, range));
      return streamRange(handle, start, end, { name, url }, range.signal);
    },
    async put(name, body, { signal, pace } = {}) {
      checkObjectName(name);
      signal?.throwIfAborted();
      await attempt("writing", name, async () => {
        modes ??= readModes(root);
        if (name === "config") await makeLayout(root, await modes);
        const parts = pace === undefined ? bodyParts(body) : paceBody(body, pace, signal);
        await writeFileDurably(`${root}/${name}`, parts, await modes, signal);
      });
    },
    async delete(name, { signal } = {}) {
      checkObjectName(name);
      signal?.throwIfAborted();
      await attempt("deleting", name, async () => {
        try {
          await unlink(`${root}/${name}`);
        } catch (error) {
          if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return;
          throw error;
        }
        await syncFolder(dirname(`${root}/${name}`));
      });
    },
    ...(clock === undefined ? {} : { serverTime: async () => clock.now() }),
    async close() {},
  };
}

async function openRange(root: string, name: string, range: RangeOptions) {
  range.signal?.throwIfAborted();
  const handle = await open(`${root}/${name}`, "r");
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw missingObject({ name, url: root });
    return { handle, ...resolveRange({ name, url: root }, found.size, range) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function streamRange(
  handle: FileHandle,
  start: number,
  end: number,
  place: { name: string; url: string },
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  let at = start;
  const iterator: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]() {
      return iterator;
    },
    async next() {
      try {
        signal?.throwIfAborted();
        if (at >= end) {
          await handle.close();
          return { done: true, value: undefined };
        }
        const bytes = new Uint8Array(Math.min(streamPartBytes, end - at));
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, at);
        if (bytesRead === 0) throw brokenTransfer(place, at - start, end - start);
        at += bytesRead;
        return { done: false, value: bytes.subarray(0, bytesRead) };
      } catch (error) {
        await handle.close();
        throw localError(error, "reading", place);
      }
    },
    async return() {
      await handle.close();
      return { done: true, value: undefined };
    },
  };
  return iterator;
}

/** Stock restic expects nothing of this, but makes all folders at init too: later writes then sync one folder only. */
async function makeLayout(root: string, modes: LocalModes): Promise<void> {
  for (const folder of ["data", "keys", "locks", "snapshots", "index"]) await makeFolder(`${root}/${folder}`, modes);
  for (let at = 0; at < 256; at++) {
    await mkdir(`${root}/data/${at.toString(16).padStart(2, "0")}`, modes.folder).catch((error: unknown) => {
      if (errnoOf(error) !== "EEXIST") throw error;
    });
  }
  await syncFolder(`${root}/data`);
}
