import { displayName, LifeboatError } from "@lifeboat/model";
import type { TreeNode } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";
import { BlobReader } from "../restorer/blob-reader.ts";
import { zeroBlobBytes, zeroBlobId } from "../restorer/file-parts.ts";

/** Plain bytes loaded ahead: two windows are in memory at once. */
const windowBytes = 24 * 1024 * 1024;
/** Files of so few blobs are not worth starting threads for. */
const fewBlobs = 4;

/**
 * The content of a file, in order; each blob is verified by its hash before a byte of it goes out. Reads ahead while the consumer
 * works, at most about 50 MiB. Errors: `path-not-found` for what is no file, `repository-damaged` (the stream then stops before
 * the first damaged byte, or after the last one when the file is not as long as its node says).
 */
export async function* streamFile(
  repository: Repository,
  node: TreeNode,
  options: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array> {
  if (node.type !== "file") throw new LifeboatError("path-not-found", `${displayName(node.name)} is no file but a ${node.type}`);
  if (repository.indexIds.size === 0) await repository.loadIndex(options);
  const content = node.content ?? [];
  let bytes = 0;
  for await (const blob of content.length <= fewBlobs
    ? loadFew(repository, content, options)
    : loadMany(repository, content, options)) {
    bytes += blob.length;
    yield blob;
  }
  if (bytes !== node.size) {
    throw new LifeboatError(
      "repository-damaged",
      `file ${displayName(node.name)} has ${bytes} bytes in ${repository.store.url}, its folder says ${node.size}`,
    );
  }
}

async function* loadFew(
  repository: Repository,
  content: readonly string[],
  options: { readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  for (const id of content) yield await repository.loadBlob(id, "data", options);
}

async function* loadMany(
  repository: Repository,
  content: readonly string[],
  options: { readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const reader = new BlobReader(repository);
  // Ends the reading ahead when the consumer stops early.
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const load = (window: readonly string[]) => {
    const loading = reader.load(
      window.filter((id) => id !== zeroBlobId),
      signal,
    );
    loading.catch(() => {});
    return loading;
  };
  try {
    let waiting: { window: readonly string[]; loading: ReturnType<typeof load> } | undefined;
    for (const window of windowsOf(repository, content)) {
      const next = { window, loading: load(window) };
      if (waiting !== undefined) yield* emit(waiting.window, await waiting.loading);
      waiting = next;
    }
    if (waiting !== undefined) yield* emit(waiting.window, await waiting.loading);
  } finally {
    stop.abort();
    await reader.close();
  }
}

function* emit(window: readonly string[], blobs: ReadonlyMap<string, Uint8Array | LifeboatError>): Generator<Uint8Array> {
  for (const id of window) {
    const blob = id === zeroBlobId ? new Uint8Array(zeroBlobBytes) : blobs.get(id);
    if (!(blob instanceof Uint8Array)) throw blob ?? new LifeboatError("repository-damaged", `data blob ${id} was not loaded`);
    yield blob;
  }
}

function* windowsOf(repository: Repository, content: readonly string[]): Generator<string[]> {
  let window: string[] = [];
  let bytes = 0;
  for (const id of content) {
    window.push(id);
    const location = id === zeroBlobId ? undefined : repository.index.locate(id, "data");
    bytes += location === undefined ? 0 : Math.max(location.length, location.uncompressedLength);
    if (bytes < windowBytes) continue;
    yield window;
    window = [];
    bytes = 0;
  }
  if (window.length > 0) yield window;
}
