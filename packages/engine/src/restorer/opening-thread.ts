import { parentPort, workerData } from "node:worker_threads";
import { createBlobCodec } from "../blob-codec/index.ts";
import { Sealer, sealOverheadBytes } from "../crypto/index.ts";
import { decodePackHeader, type PackedBlob } from "../format/index.ts";
import type { OpeningAnswer, OpeningRequest, OpeningThreadData } from "./opening-messages.ts";

/** A thread that opens, decompresses and hashes blobs, for restore and check. */
const { masterKey } = workerData as OpeningThreadData;
const sealer = new Sealer(masterKey);
const codec = createBlobCodec(masterKey);
const packHash = codec.createPackHash();
const port = parentPort!;

const reasonOf = (reason: unknown) => (reason instanceof Error ? reason : new Error(String(reason)));

function open(request: Extract<OpeningRequest, { kind: "open" }>): void {
  const { bytes, blobs, target } = request;
  const all = new Uint8Array(target);
  const lengths = new Int32Array(blobs.length);
  const damages: string[] = [];
  let at = 0;
  blobs.forEach((blob, number) => {
    try {
      lengths[number] = codec.openInto(blob, bytes.subarray(blob.offset, blob.offset + blob.length), all, at);
      at += lengths[number];
    } catch (error) {
      lengths[number] = -1;
      damages.push(`blob ${blob.id}: ${reasonOf(error).message}`);
    }
  });
  const answer: OpeningAnswer = { kind: "opened", job: request.job, target, lengths, damages };
  port.postMessage(answer, target instanceof ArrayBuffer ? [target] : []);
}

/** As restic's check: blobs contiguous from 0, each opens and hashes, the header says what the index says, the name is the hash. */
function check(request: Extract<OpeningRequest, { kind: "check" }>): void {
  const { bytes, packId } = request;
  const damages: string[] = [];
  const badBlobs: string[] = [];
  // Blobs one after the other and the pack are hashed side by side.
  const beside = { hash: packHash, bytes };
  const blobs = [...request.blobs].sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const blob of blobs) {
    if (blob.offset !== end) damages.push(`blob ${blob.id} begins at ${blob.offset}, the one before ends at ${end}`);
    end = blob.offset + blob.length;
    try {
      codec.verify(blob, bytes.subarray(blob.offset, end), beside);
    } catch (error) {
      badBlobs.push(blob.id);
      damages.push(`blob ${blob.id}: ${reasonOf(error).message}`);
    }
  }
  if (packHash.finish(bytes) !== packId) damages.unshift("its hash is not its name");
  const headerDamage = checkHeader(bytes, end, blobs);
  if (headerDamage !== undefined) damages.push(headerDamage);
  const answer: OpeningAnswer = { kind: "checked", job: request.job, damages: damages.slice(0, 100), badBlobs };
  port.postMessage(answer);
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
