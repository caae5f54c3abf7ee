import { LifeboatError } from "@lifeboat/model";
import type { BlobLocation } from "../repository/blob-index.ts";
import type { BlobWriter } from "../repository/blob-writer.ts";
import type { Repository } from "../repository/repository.ts";
import type { BlobReader } from "../restorer/blob-reader.ts";

/** Plain bytes loaded at once; the next window is loaded while this one is sealed. */
const windowBytes = 16 * 1024 * 1024;
/** Small blobs are handed over together: one message each would cost more than sealing them. */
const batchBytes = 512 * 1024;

export interface CopyBlobsOptions {
  readonly from: Repository;
  readonly reader: BlobReader;
  readonly writer: BlobWriter;
  readonly ids: Iterable<string>;
  readonly signal: AbortSignal;
  /** Plain bytes handed to the writer. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Data blobs as they are, opened and verified with one key, sealed anew by the writer. They are read in the order in which they
 * lie, by large ranges. Returns the blobs that cannot be read; all others are handed over (durable after the writer's `finish`).
 */
export async function copyDataBlobs(options: CopyBlobsOptions): Promise<LifeboatError[]> {
  const { from, reader, signal } = options;
  const damages: LifeboatError[] = [];
  const located: BlobLocation[] = [];
  for (const id of new Set(options.ids)) {
    const location = from.index.locate(id, "data");
    if (location !== undefined) located.push(location);
    else damages.push(new LifeboatError("repository-damaged", `data blob ${id} is in no index of ${from.store.url}`));
  }
  located.sort((a, b) => (a.packId < b.packId ? -1 : a.packId > b.packId ? 1 : a.offset - b.offset));
  let loading: Promise<Map<string, Uint8Array | LifeboatError>> | undefined;
  for (const window of windowsOf(located)) {
    const next = reader.load(window, signal);
    next.catch(() => {});
    if (loading !== undefined) await saveWindow(options, await loading, damages);
    loading = next;
  }
  if (loading !== undefined) await saveWindow(options, await loading, damages);
  return damages;
}

async function saveWindow(
  { reader, writer, onBytes }: CopyBlobsOptions,
  blobs: Map<string, Uint8Array | LifeboatError>,
  damages: LifeboatError[],
): Promise<void> {
  let batch: { id: string; plain: Uint8Array }[] = [];
  let bytes = 0;
  const send = async () => {
    await writer.saveKnownBatch("data", batch);
    onBytes?.(bytes);
    batch = [];
    bytes = 0;
  };
  for (const [id, plain] of blobs) {
    if (plain instanceof Uint8Array) {
      batch.push({ id, plain });
      bytes += plain.length;
    } else damages.push(plain);
    if (bytes >= batchBytes) await send();
  }
  await send();
  // The writer has copied them.
  reader.release(blobs);
}

function* windowsOf(located: readonly BlobLocation[]): Generator<string[]> {
  let window: string[] = [];
  let bytes = 0;
  for (const { id, length, uncompressedLength } of located) {
    window.push(id);
    bytes += Math.max(length, uncompressedLength);
    if (bytes < windowBytes) continue;
    yield window;
    window = [];
    bytes = 0;
  }
  if (window.length > 0) yield window;
}
