import { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { NodeHttpHandler } from "@smithy/node-http-handler";
import { acknowledge } from "../acknowledge.ts";
import { limitAnswer } from "../limit-answer.ts";
import { DirectBody } from "./direct-body.ts";
import { DirectConnection } from "./direct-connection.ts";
import type { ResponseHead } from "./response-head.ts";

const mostIdle = 16;

export interface DirectGetOptions {
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly caPem: string | undefined;
}

type Handle = NodeHttpHandler["handle"];
type Request = Parameters<Handle>[0];
type GetRequest = Pick<Request, "protocol" | "hostname" | "path" | "headers"> & {
  readonly port?: number | undefined;
};
type HandleOptions = NonNullable<Parameters<Handle>[1]>;
type Response = Awaited<ReturnType<Handle>>["response"];

/**
 * The SDK's request handler, and beside it a short way for the one request that moves much data to us: a GET of an object (`get`). Whatever
 * that does not answer with a plain success of known length (errors, chunked answers) is asked for again through the SDK and its
 * ordinary handler, which knows how to read it: reading twice does no harm.
 */
export class DirectGetHandler {
  readonly metadata = { handlerProtocol: "http/1.1" };
  readonly #ordinary: NodeHttpHandler;
  readonly #options: DirectGetOptions;
  readonly #idle = new Map<string, DirectConnection[]>();
  readonly #busy = new Set<DirectConnection>();
  #closed = false;

  constructor(ordinary: NodeHttpHandler, options: DirectGetOptions) {
    this.#ordinary = ordinary;
    this.#options = options;
  }

  async handle(request: Request, options: HandleOptions = {}): Promise<{ response: Response }> {
    return isObjectGet(request) ? this.#ordinaryGet(request, options) : this.#small(request, options);
  }

  /** The object, asked for by a signed request; no body for whatever is no plain success of known length. */
  async get(
    request: GetRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly head: ResponseHead; readonly body: DirectBody | undefined }> {
    signal?.throwIfAborted();
    const { connection, head } = await this.#ask(request, signal);
    const length = head.headers["content-length"] ?? "";
    if ((head.status !== 200 && head.status !== 206) || !/^\d{1,15}$/.test(length) || "transfer-encoding" in head.headers) {
      this.#drop(connection);
      return { head, body: undefined };
    }
    const stop = () => connection.destroy(signal?.reason instanceof Error ? signal.reason : new Error("aborted"));
    signal?.addEventListener("abort", stop, { once: true });
    // It may have come just now, when nobody listened.
    if (signal?.aborted) stop();
    const keepAlive = head.headers.connection?.toLowerCase() !== "close";
    const body = new DirectBody(connection, Number(length), (complete) => {
      signal?.removeEventListener("abort", stop);
      if (complete && keepAlive) this.#keep(placeOf(request), connection);
      else this.#drop(connection);
    });
    return { head, body };
  }

  /** An object from a server that does not tell its length before; or an error, which is read whole and so must not be large. */
  async #ordinaryGet(request: Request, options: HandleOptions): Promise<{ response: Response }> {
    const { response } = await this.#ordinary.handle(request, options);
    if (response.statusCode >= 300 && response.body instanceof Readable) response.body = limitAnswer(response.body);
    return { response };
  }

  /** Listings and errors: nothing that is large, whatever answers there. */
  async #small(request: Request, options: HandleOptions): Promise<{ response: Response }> {
    const { response } = await this.#ordinary.handle(request, options);
    if (response.body instanceof IncomingMessage && !response.body.complete) acknowledge(response.body.socket);
    if (response.body instanceof Readable) response.body = limitAnswer(response.body);
    return { response };
  }

  destroy(): void {
    this.#closed = true;
    for (const connection of [...this.#busy, ...[...this.#idle.values()].flat()]) connection.destroy();
    this.#idle.clear();
    this.#ordinary.destroy();
  }

  updateHttpClientConfig(...change: Parameters<NodeHttpHandler["updateHttpClientConfig"]>): void {
    this.#ordinary.updateHttpClientConfig(...change);
  }

  httpHandlerConfigs(): ReturnType<NodeHttpHandler["httpHandlerConfigs"]> {
    return this.#ordinary.httpHandlerConfigs();
  }

  async #ask(
    request: GetRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ connection: DirectConnection; head: ResponseHead }> {
    const text = formatRequest(request);
    for (;;) {
      const kept = this.#takeIdle(placeOf(request));
      const connection = kept ?? this.#connect(request);
      this.#busy.add(connection);
      const stop = () => connection.destroy(new Error("aborted"));
      signal?.addEventListener("abort", stop, { once: true });
      try {
        return { connection, head: await connection.request(text) };
      } catch (error) {
        this.#drop(connection);
        // A kept connection may have been closed by the server in the meantime; that says nothing about the store.
        if (kept === undefined || connection.answered || signal?.aborted) throw error;
      } finally {
        signal?.removeEventListener("abort", stop);
      }
    }
  }

  #connect(request: GetRequest): DirectConnection {
    const tls = request.protocol === "https:";
    const host = request.hostname.replace(/^\[(.*)\]$/, "$1");
    return new DirectConnection({ ...this.#options, host, port: request.port ?? (tls ? 443 : 80), tls });
  }

  #takeIdle(place: string): DirectConnection | undefined {
    const idle = this.#idle.get(place) ?? [];
    for (let found = idle.pop(); found !== undefined; found = idle.pop()) if (found.usable) return found;
    return undefined;
  }

  #keep(place: string, connection: DirectConnection): void {
    this.#busy.delete(connection);
    const idle = (this.#idle.get(place) ?? []).filter((one) => one.usable);
    this.#idle.set(place, idle);
    if (!this.#closed && idle.length < mostIdle && connection.rest()) idle.push(connection);
    else connection.destroy();
  }

  #drop(connection: DirectConnection): void {
    this.#busy.delete(connection);
    connection.destroy();
  }
}

function isObjectGet(request: Request): boolean {
  // A listing is a GET of the bucket with `list-type` in its query.
  return request.method === "GET" && request.query?.["x-id"] === "GetObject";
}

function placeOf(request: GetRequest): string {
  return `${request.protocol}//${request.hostname}:${request.port ?? ""}`;
}

function formatRequest(request: GetRequest): string {
  const lines = [`GET ${request.path} HTTP/1.1`];
  for (const [name, value] of Object.entries(request.headers)) lines.push(`${name}: ${value}`);
  // The path is percent-encoded and the signer has made the headers; a line break that got through would be a second request.
  if (lines.some((line) => /[^\x20-\x7e]/.test(line)))
    throw new TypeError("a header of the request has a character that it may not have");
  return `${lines.join("\r\n")}\r\n\r\n`;
}
