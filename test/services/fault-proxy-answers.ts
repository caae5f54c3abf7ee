import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";

export function waitForAnswer(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => request.once("response", resolve).once("error", reject));
}

/** The head as the server wrote it, but for how this connection goes on. */
function passHead(answer: IncomingMessage, outgoing: ServerResponse): void {
  const headers: string[] = [];
  for (let at = 0; at < answer.rawHeaders.length; at += 2) {
    const name = answer.rawHeaders[at] ?? "";
    if (!/^(connection|keep-alive|transfer-encoding)$/i.test(name)) headers.push(name, answer.rawHeaders[at + 1] ?? "");
  }
  outgoing.sendDate = false;
  outgoing.writeHead(answer.statusCode ?? 502, headers);
}

export async function passAnswer(answer: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  passHead(answer, outgoing);
  await pipeline(answer, outgoing);
}

/** Less than the whole body in any case; then the connection ends without an error, which only the length betrays. */
export async function passShareOfAnswer(answer: IncomingMessage, outgoing: ServerResponse, share: number): Promise<void> {
  const body = await readBody(answer);
  passHead(answer, outgoing);
  outgoing.flushHeaders();
  const passed = body.subarray(0, Math.min(Math.floor(body.length * share), body.length - 1));
  const socket = outgoing.socket;
  if (passed.length > 0) await new Promise((resolve) => outgoing.write(passed, resolve));
  socket?.end();
}

export async function answerSlowly(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  { pieces, pauseMs }: { readonly pieces: number; readonly pauseMs: number },
): Promise<void> {
  const body = await readBody(answer);
  await sleep(pauseMs);
  passHead(answer, outgoing);
  outgoing.flushHeaders();
  const size = Math.max(1, Math.ceil(body.length / pieces));
  for (let at = 0; at < body.length && !outgoing.destroyed; at += size) {
    await sleep(pauseMs);
    outgoing.write(body.subarray(at, at + size));
  }
  outgoing.end();
}

/** As S3 says it; HEAD has no body. */
export function answerError(
  outgoing: ServerResponse,
  { status, code }: { readonly status: number; readonly code: string },
  { method }: { readonly method: string },
): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>injected</Message></Error>`;
  outgoing.writeHead(status, { "content-type": "application/xml", "content-length": Buffer.byteLength(body) });
  outgoing.end(method === "HEAD" ? undefined : body);
}

async function readBody(answer: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of answer as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}
