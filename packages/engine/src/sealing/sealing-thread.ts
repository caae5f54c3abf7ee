import { parentPort, workerData } from "node:worker_threads";
import { createBlobCodec } from "../blob-codec/index.ts";
import { Chunker } from "../chunker/index.ts";
import { Sealer } from "../crypto/index.ts";
import { ChunkMemory } from "./chunk-memory.ts";
import { PackBuilder, type PackRemainder } from "./pack-builder.ts";
import type { BlobBatch, SealingAnswer, SealingRequest, SealingThreadData } from "./sealing-messages.ts";

/**
 * A thread that chunks, hashes, compresses, seals and verifies: everything that takes CPU, so that the main thread only moves
 * bytes and keeps its promises to Redis and to locks.
 */
const { masterKey, polynomial } = workerData as SealingThreadData;
const port = parentPort!;
const sealer = new Sealer(masterKey);
const codec = createBlobCodec(masterKey);
const packs = { data: new PackBuilder(codec, sealer, "data"), tree: new PackBuilder(codec, sealer, "tree") };
const hashedJobs = new Map<number, BlobBatch & { ids: Uint8Array }>();
const chunkers = new Map<number, Chunker>();
const chunkMemory = new ChunkMemory(16 * 1024 * 1024);

function answer(message: SealingAnswer, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function* blobsOf(batch: BlobBatch): Generator<Uint8Array> {
  for (let at = 0; at < batch.ranges.length; at += 2) {
    yield new Uint8Array(batch.buffer, batch.ranges[at]!, batch.ranges[at + 1]!);
  }
}

function addBlob(type: "data" | "tree", id: string, plain: Uint8Array): void {
  const pack = packs[type].add(id, plain);
  if (pack !== undefined) answer({ kind: "pack", type, pack });
}

function hash(request: Extract<SealingRequest, { kind: "hash" }>): void {
  const ids = codec.hash(new Uint8Array(request.buffer), request.ranges, packs.data.beside);
  hashedJobs.set(request.job, { buffer: request.buffer, ranges: request.ranges, ids });
  answer({ kind: "hashed", job: request.job, ids });
}

function seal(job: number, wanted: Uint8Array): void {
  const batch = hashedJobs.get(job)!;
  hashedJobs.delete(job);
  let at = 0;
  for (const blob of blobsOf(batch)) {
    if (wanted[at] === 1) {
      const id = Buffer.from(batch.ids.buffer, at * 32, 32).toString("hex");
      addBlob("data", id, blob);
    }
    at++;
  }
  answer({ kind: "sealed", job, buffer: batch.buffer }, [batch.buffer]);
}

function sealKnown(request: Extract<SealingRequest, { kind: "sealKnown" }>): void {
  let at = 0;
  for (const blob of blobsOf(request)) {
    addBlob(request.type, request.ids[at]!, blob);
    at++;
  }
  answer({ kind: "sealed", job: request.job, buffer: request.buffer }, [request.buffer]);
}

function chunk(request: Extract<SealingRequest, { kind: "chunk" }>): void {
  for (const spare of request.spares) chunkMemory.give(spare);
  let chunker = chunkers.get(request.stream);
  if (chunker === undefined) {
    chunker = new Chunker(polynomial, { allocate: (bytes) => chunkMemory.take(bytes) });
    chunkers.set(request.stream, chunker);
  }
  const chunks = chunker.push(new Uint8Array(request.bytes, 0, request.length));
  if (request.settle) chunks.push(...chunker.settle());
  if (request.last) {
    chunks.push(...chunker.finish());
    chunkers.delete(request.stream);
  }
  const transfer = [...chunks.map((piece) => piece.buffer as ArrayBuffer), request.bytes];
  answer(
    { kind: "chunked", stream: request.stream, chunks, consumed: request.length, buffer: request.bytes, last: request.last },
    transfer,
  );
}

function flush(job: number, closeFromBytes: number): void {
  const rests: PackRemainder[] = [];
  for (const type of ["data", "tree"] as const) {
    if (packs[type].openBytes >= closeFromBytes) closePack(type);
    const rest = packs[type].takeRemainder();
    if (rest !== undefined) rests.push(rest);
  }
  answer({ kind: "flushed", job, rests });
}

function closePack(type: "data" | "tree"): void {
  const pack = packs[type].close();
  if (pack !== undefined) answer({ kind: "pack", type, pack });
}

port.on("message", (request: SealingRequest) => {
  try {
    if (request.kind === "hash") hash(request);
    else if (request.kind === "seal") seal(request.job, request.wanted);
    else if (request.kind === "sealKnown") sealKnown(request);
    else if (request.kind === "chunk") chunk(request);
    else if (request.kind === "drop") chunkers.delete(request.stream);
    else if (request.kind === "spare") packs[request.type].giveBack(request.buffer);
    else flush(request.job, request.closeFromBytes);
  } catch (error) {
    answer({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
});
