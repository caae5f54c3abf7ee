import type { ObjectBody, Pace } from "./object-store.ts";

export function bodyParts(body: ObjectBody): readonly Uint8Array[] {
  return body instanceof Uint8Array ? [body] : body;
}

/** Bytes. */
export function bodyLength(body: ObjectBody): number {
  if (body instanceof Uint8Array) return body.length;
  let length = 0;
  for (const part of body) length += part.length;
  return length;
}

/** The body in one array: the part itself when there is only one, else a copy. */
export function joinBody(body: ObjectBody): Uint8Array {
  if (body instanceof Uint8Array) return body;
  if (body.length === 1) return body[0]!;
  const joined = new Uint8Array(bodyLength(body));
  let at = 0;
  for (const part of body) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** The body in pieces, each handed out when it may go. */
export async function* paceBody(body: ObjectBody, pace: Pace, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for (const part of bodyParts(body)) {
    for (let at = 0; at < part.length; ) {
      const piece = part.subarray(at, at + pace.pieceBytes());
      await pace.take(piece.length, signal);
      yield piece;
      at += piece.length;
    }
  }
}
