import { parentPort, workerData } from "node:worker_threads";
import { Sealer, sealOverheadBytes, sha256Hex, sha256Stream } from "../crypto/index.ts";
import { decodePackHeader, type PackedBlob } from "../format/index.ts";
import { maxPlainBytes, openSealedBlob } from "../repository/open-sealed-blob.ts";
import { releaseMemory } from "../repository/release-memory.ts";
import type { OpeningAnswer, OpeningRequest, OpeningThreadData } from "./opening-messages.ts";

/** A thread that opens, decompresses and hashes blobs, for restore and check. */
const sealer = new Sealer((workerData as OpeningThreadData).masterKey);
const port = parentPort!;

const reasonOf = (reason: unknown) => (reason instanceof Error ? reason : new Error(String(reason)));

function plainBytes(blob: PackedBlob): number {
  return blob.uncompressedLength === 0 ? Math.max(0, blob.length - sealOverheadBytes) : blob.uncompressedLength;
}

function open(request: Extract<OpeningRequest, { kind: "open" }>): void {
  const { bytes, blobs } = request;
  // Sizes come from an index that may lie: what is above a blob's limit is refused below, and takes no memory here.
  const buffer = new ArrayBuffer(blobs.reduce((sum, blob) => sum + Math.min(plainBytes(blob), maxPlainBytes[blob.type]), 0));
  const all = new Uint8Array(buffer);
  const lengths = new Int32Array(blobs.length);
  const damages: string[] = [];
  let at = 0;
  blobs.forEach((blob, number) => {
    try {
      const plain = openSealedBlob(sealer, blob, bytes.subarray(blob.offset, blob.offset + blob.length), reasonOf);
      all.set(plain, at);
      at += plain.length;
      lengths[number] = plain.length;
      releaseMemory(plain);
    } catch (error) {
      lengths[number] = -1;
      damages.push(`blob ${blob.id}: ${reasonOf(error).message}`);
    }
  });
  const answer: OpeningAnswer = { kind: "opened", job: request.job, buffer, lengths, damages };
  port.postMessage(answer, [buffer]);
}

/** As restic's check: blobs contiguous from 0, each opens and hashes, the header says what the index says, the name is the hash. */
function check(request: Extract<OpeningRequest, { kind: "check" }>): void {
  const { bytes, packId } = request;
  const damages: string[] = [];
  const badBlobs: string[] = [];
  if (sha256Hex(bytes) !== packId) damages.push("its hash is not its name");
  const blobs = [...request.blobs].sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const blob of blobs) {
    if (blob.offset !== end) damages.push(`blob ${blob.id} begins at ${blob.offset}, the one before ends at ${end}`);
    end = blob.offset + blob.length;
    try {
      verifyBlob(blob, bytes.subarray(blob.offset, end));
    } catch (error) {
      badBlobs.push(blob.id);
      damages.push(`blob ${blob.id}: ${reasonOf(error).message}`);
    }
  }
  const headerDamage = checkHeader(bytes, end, blobs);
  if (headerDamage !== undefined) damages.push(headerDamage);
  const buffer = bytes.buffer as ArrayBuffer;
  const answer: OpeningAnswer = { kind: "checked", job: request.job, damages: damages.slice(0, 100), badBlobs, buffer };
  port.postMessage(answer, [buffer]);
}

/** Smaller blobs are not worth opening in parts. */
const manyPartsBytes = 128 * 1024;

/** Throws the reason when the blob is not what its id says. Large ones are never in memory as a whole. */
function verifyBlob(blob: PackedBlob, sealed: Uint8Array): void {
  if (blob.uncompressedLength !== 0 || sealed.length < manyPartsBytes) {
    releaseMemory(openSealedBlob(sealer, blob, sealed, reasonOf));
    return;
  }
  const hash = sha256Stream();
  for (const part of sealer.openParts(sealed)) hash.update(part);
  if (hash.digest("hex") !== blob.id) throw new Error(`blob ${blob.id} has another hash`);
}

function checkHeader(bytes: Uint8Array, dataEnd: number, blobs: readonly PackedBlob[]): string | undefined {
  if (bytes.length < dataEnd + sealOverheadBytes + 4) return `ends at ${bytes.length} bytes, before its header`;
  const length = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE(bytes.length - 4);
  if (bytes.length - 4 - length !== dataEnd)
    return `its header begins at ${bytes.length - 4 - length}, its blobs end at ${dataEnd}`;
  try {
    const header = decodePackHeader(sealer.open(bytes.subarray(dataEnd, bytes.length - 4)));
    const same = (a: PackedBlob, b: PackedBlob | undefined) =>
      a.id === b?.id &&
      a.type === b.type &&
      a.offset === b.offset &&
      a.length === b.length &&
      a.uncompressedLength === b.uncompressedLength;
    if (header.length !== blobs.length || !header.every((blob, at) => same(blob, blobs[at])))
      return "its header is not what the index says";
  } catch (error) {
    return `header: ${reasonOf(error).message}`;
  }
  return undefined;
}

port.on("message", (request: OpeningRequest) => {
  if (request.kind === "open") open(request);
  else check(request);
});
