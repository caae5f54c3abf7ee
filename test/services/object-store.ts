import { createHash, createHmac, randomUUID } from "node:crypto";

/** An S3 endpoint with keys that may create buckets. */
export interface ObjectStore {
  /** `http://127.0.0.1:PORT`, no slash at the end. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What stock restic and others read from the environment. */
export function objectStoreEnvironment(store: ObjectStore): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: store.accessKeyId,
    AWS_SECRET_ACCESS_KEY: store.secretAccessKey,
    AWS_DEFAULT_REGION: store.region,
    AWS_REGION: store.region,
  };
}

/** Creates a bucket with a name of its own and returns the name. */
export async function createBucket(store: ObjectStore): Promise<string> {
  const bucket = `lifeboat-test-${randomUUID()}`;
  const response = await requestObjectStore(store, "PUT", `/${bucket}`);
  if (!response.ok)
    throw new Error(`cannot create bucket ${bucket} at ${store.endpoint}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
  return bucket;
}

export interface StoreRequest {
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/**
 * One signed S3 request (AWS Signature Version 4), written apart from the product's client so that tests can look at
 * and damage what it stored. `path` is `/BUCKET` or `/BUCKET/KEY`, not yet percent-encoded.
 */
export function requestObjectStore(
  store: ObjectStore,
  method: string,
  path: string,
  request: StoreRequest = {},
): Promise<Response> {
  const url = new URL(store.endpoint);
  const encodedPath = path.split("/").map(encode).join("/");
  const query = Object.entries(request.query ?? {})
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");
  const payloadHash = hash(request.body ?? new Uint8Array());
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const day = time.slice(0, 8);
  const signed: Record<string, string> = { host: url.host, "x-amz-content-sha256": payloadHash, "x-amz-date": time };
  for (const [name, value] of Object.entries(request.headers ?? {})) signed[name.toLowerCase()] = value.trim();
  const names = Object.keys(signed).sort();
  const headerLines = names.map((name) => `${name}:${signed[name]}\n`).join("");
  const canonical = [method, encodedPath, query, headerLines, names.join(";"), payloadHash].join("\n");
  const scope = `${day}/${store.region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", time, scope, hash(canonical)].join("\n");
  const key = [day, store.region, "s3", "aws4_request"].reduce<string | Buffer>(sign, `AWS4${store.secretAccessKey}`);
  const signature = sign(key, toSign).toString("hex");
  const { host: _, ...headers } = signed;
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${store.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  const target = `${store.endpoint}${encodedPath}${query === "" ? "" : `?${query}`}`;
  return fetch(target, { method, headers, ...(request.body === undefined ? {} : { body: Buffer.from(request.body) }) });
}

/** All keys of a bucket that start with a prefix. */
export async function listObjectKeys(store: ObjectStore, bucket: string, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const query = { "list-type": "2", prefix, ...(token === undefined ? {} : { "continuation-token": token }) };
    const response = await requestObjectStore(store, "GET", `/${bucket}`, { query });
    const text = await response.text();
    if (!response.ok) throw new Error(`cannot list ${bucket} at ${store.endpoint}: ${response.status} ${text}`);
    for (const match of text.matchAll(/<Key>([^<]*)<\/Key>/g)) keys.push(decodeXml(match[1]!));
    token = /<NextContinuationToken>([^<]*)</.exec(text)?.[1];
  } while (token !== undefined);
  return keys;
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decodeXml(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

function hash(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function sign(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
