import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { S3Client } from "@aws-sdk/client-s3";
import type { Clock } from "@lifeboat/model";
import { SignatureV4 } from "@smithy/signature-v4";
import type { S3Address } from "../s3-address.ts";
import type { DirectGetHandler } from "./direct-get-handler.ts";

/** What is needed of an answer to a GET of an object. */
export interface GetAnswer {
  readonly body: Readable;
  /** Bytes. */
  readonly length: number | undefined;
  /** The header Content-Range. */
  readonly contentRange: string | undefined;
}

/** The HTTP status of an answer that is not what was asked for; the SDK can tell why, or how else it is to be had. */
export interface Refusal {
  readonly refusedWith: number;
}

/** Requests that are signed and sent without the SDK. Both throw what the connection or the search for keys throws. */
export interface SignedRequests {
  /** `range`: the header's value. */
  get(key: string, range: string | undefined, signal: AbortSignal | undefined): Promise<GetAnswer | Refusal>;
  /** undefined: it is stored. Where the store is busy or broken it throws as the SDK does, so that nothing is sent twice. */
  put(
    key: string,
    payload: Uint8Array | Readable,
    facts: PayloadFacts,
    signal: AbortSignal | undefined,
  ): Promise<Refusal | undefined>;
}

export interface PayloadFacts {
  /** Bytes. */
  readonly length: number;
  /** In hex. */
  readonly sha256: string;
}

/**
 * GETs and PUTs of objects past the SDK's layers, which take half a millisecond for each, three times that in a young program; signing takes a
 * tenth of it. Keys, region, hash and what is known of the store's clock are those of the client.
 */
export function createSignedRequests(
  client: S3Client,
  handler: DirectGetHandler,
  { endpoint, bucket }: S3Address,
  clock: Clock | undefined,
): SignedRequests {
  const { credentials, region, sha256 } = client.config;
  // S3 signs the path as it is sent, not encoded once more.
  const signer = new SignatureV4({ service: "s3", credentials, region, sha256, uriEscapePath: false });
  const { protocol, hostname, host, port } = new URL(endpoint);
  const place = { protocol, hostname, ...(port !== "" && { port: Number(port) }) };
  const sign = (method: "GET" | "PUT", key: string, more: Record<string, string>) => {
    const headers = { host, "user-agent": "lifeboat", ...more };
    const request = { ...place, method, path: `/${encodePath(bucket)}/${encodePath(key)}`, headers };
    // By how much this machine's clock is wrong the SDK learns from refusals.
    const now = clock && { signingDate: new Date(clock.now() + client.config.systemClockOffset) };
    return signer.sign(request, now);
  };
  return {
    async get(key, range, signal) {
      const { head, body } = await handler.get(await sign("GET", key, range === undefined ? {} : { range }), signal);
      if (body === undefined) return { refusedWith: head.status };
      const { "content-length": length, "content-range": contentRange } = head.headers;
      return { body, length: Number(length), contentRange };
    },
    async put(key, payload, { length, sha256: hash }, signal) {
      const request = await sign("PUT", key, {
        "content-length": String(length),
        "content-type": "application/octet-stream",
        // The signer takes it as it is.
        "x-amz-content-sha256": hash,
      });
      const sent = { ...request, body: payload } as Parameters<DirectGetHandler["handle"]>[0];
      const { response } = await handler.handle(sent, signal === undefined ? {} : { abortSignal: signal });
      const words = await text(response.body as Readable);
      const status = response.statusCode;
      if (status >= 200 && status < 300) return undefined;
      if (status < 500 && status !== 429 && status !== 408) return { refusedWith: status };
      throw busyError(status, words);
    },
  };
}

/** As the SDK throws it. */
function busyError(status: number, words: string): Error {
  const name = /<Code>([A-Za-z0-9.]{1,100})<\/Code>/.exec(words)?.[1] ?? "UnknownError";
  const message = /<Message>([^<]{1,300})<\/Message>/.exec(words)?.[1] ?? "UnknownError";
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
}

/** As the SDK encodes it: all but letters, digits and `-_.~`, and the slashes between names. */
function encodePath(path: string): string {
  return encodeURIComponent(path)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%2F", "/");
}
