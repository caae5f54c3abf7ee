import { Readable } from "node:stream";
import { bodyLength, bodyParts, joinBody, paceBody } from "../object-body.ts";
import { brokenTransfer, type ObjectPlace } from "../object-range.ts";
import type { ObjectBody, Pace } from "../object-store.ts";
import { DirectBody } from "./direct-get/direct-body.ts";

/** Below this average size of a part one copy costs less than many small writes to the socket. */
const worthStreamingBytes = 64 * 1024;

/** The body for one PUT, made anew for each try. Many parts go out one after the other, without a copy. */
export function requestBody(body: ObjectBody, pace?: Pace | undefined, signal?: AbortSignal | undefined): Uint8Array | Readable {
  if (pace !== undefined) return Readable.from(paceBody(body, pace, signal), { objectMode: false, highWaterMark: 1 });
  const parts = bodyParts(body);
  if (parts.length <= 1 || bodyLength(body) / parts.length < worthStreamingBytes) return joinBody(body);
  let next = 0;
  return new Readable({
    highWaterMark: 1,
    read() {
      while (parts[next]?.length === 0) next++;
      const part = parts[next++];
      this.push(part === undefined ? null : Buffer.from(part.buffer, part.byteOffset, part.byteLength));
    },
  });
}

const partBytes = 256 * 1024;

/** Reads a whole answer into an array of its length. Who waits for leave does not read: the server then waits, too. */
export async function collectBody(
  body: Readable,
  bytes: Uint8Array,
  place: ObjectPlace,
  { pace, signal }: { readonly pace?: Pace | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Uint8Array> {
  if (body instanceof DirectBody) {
    for (let at = 0; at < bytes.length || at === 0; ) {
      const piece = bytes.subarray(at, at + (pace?.pieceBytes() ?? bytes.length));
      await pace?.take(piece.length, signal);
      await readDirectly(body, piece, at, bytes.length, place);
      at += Math.max(1, piece.length);
    }
    return bytes;
  }
  let at = 0;
  for await (const part of streamBody(body, bytes.length, place)) {
    await pace?.take(part.length, signal);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Hands on exactly `length` bytes, or fails. Breaking off closes the connection. */
export async function* streamBody(body: Readable, length: number, place: ObjectPlace): AsyncGenerator<Uint8Array> {
  let received = 0;
  try {
    if (body instanceof DirectBody) {
      while (received < length) {
        const part = Buffer.allocUnsafeSlow(Math.min(partBytes, length - received));
        await readDirectly(body, part, received, length, place);
        received += part.length;
        yield part;
      }
      return;
    }
    for await (const part of readParts(body, place, length)) {
      received += part.length;
      if (received > length) break;
      yield part;
    }
  } finally {
    if (!body.readableEnded) body.destroy();
  }
  if (received !== length) throw brokenTransfer(place, received, length);
}

async function readDirectly(
  body: DirectBody,
  target: Uint8Array,
  received: number,
  length: number,
  place: ObjectPlace,
): Promise<void> {
  try {
    await body.readInto(target);
  } catch (error) {
    throw brokenTransfer(place, received, length, error);
  }
}

async function* readParts(body: Readable, place: ObjectPlace, length: number): AsyncGenerator<Uint8Array> {
  let received = 0;
  try {
    for await (const part of body as AsyncIterable<Uint8Array>) {
      received += part.length;
      yield part;
    }
  } catch (error) {
    throw brokenTransfer(place, received, length, error);
  }
}
