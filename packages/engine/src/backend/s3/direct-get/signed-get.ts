import type { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
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

/** `range`: the header's value. undefined: the store answers with anything but the object; the SDK can tell why, or how else it is to be had. */
export type SignedGet = (
  key: string,
  range: string | undefined,
  signal: AbortSignal | undefined,
) => Promise<GetAnswer | undefined>;

/**
 * GETs of objects past the SDK's layers, which take half a millisecond for each, three times that in a young program; signing takes a tenth of
 * it. Keys, region and hash are those of the client. Throws what the connection or the search for keys throws.
 */
export function createSignedGet(client: S3Client, handler: DirectGetHandler, { endpoint, bucket }: S3Address): SignedGet {
  const { credentials, region, sha256 } = client.config;
  // S3 signs the path as it is sent, not encoded once more.
  const signer = new SignatureV4({ service: "s3", credentials, region, sha256, uriEscapePath: false });
  const { protocol, hostname, host, port } = new URL(endpoint);
  const place = { method: "GET", protocol, hostname, ...(port !== "" && { port: Number(port) }), query: {} };
  return async (key, range, signal) => {
    const headers = { host, ...(range !== undefined && { range }) };
    const request = await signer.sign({ ...place, path: `/${encodePath(bucket)}/${encodePath(key)}`, headers });
    const answer = await handler.get(request, signal);
    if (answer === undefined) return undefined;
    const { "content-length": length, "content-range": contentRange } = answer.head.headers;
    return { body: answer.body, length: Number(length), contentRange };
  };
}

/** As the SDK encodes it: all but letters, digits and `-_.~`, and the slashes between names. */
function encodePath(path: string): string {
  return encodeURIComponent(path)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%2F", "/");
}
