import type { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { type Clock, isLifeboatError, LifeboatError } from "@lifeboat/model";
import { sha256Hex } from "../../crypto/index.ts";
import { bodyLength, joinBody } from "../object-body.ts";
import { checkObjectName, checkPrefix, compareNames } from "../object-name.ts";
import { brokenTransfer, checkAllowedSize, checkRange, type ObjectPlace, tooShort } from "../object-range.ts";
import type { ListOptions, ObjectInfo, ObjectStore, RangeOptions } from "../object-store.ts";
import { ShortWay } from "./direct-get/short-way.ts";
import { createSignedRequests, type GetAnswer, type Refusal } from "./direct-get/signed-requests.ts";
import { describeS3Address, type S3Address } from "./s3-address.ts";
import { collectBody, requestBody, streamBody } from "./s3-body.ts";
import { createS3Client, type S3Credentials } from "./s3-client.ts";
import { noStoreHint, s3Error, statusOf } from "./s3-errors.ts";
import { addHeader, watchDate } from "./s3-middleware.ts";

export interface S3StoreOptions {
  readonly address: S3Address;
  /** undefined: the SDK's own chain. */
  readonly credentials?: S3Credentials | undefined;
  /** Default: the one in an AWS endpoint's name, else us-east-1. */
  readonly region?: string | undefined;
  /** Operations worth running at once; default 5 as in restic. */
  readonly connections?: number | undefined;
  readonly connectTimeoutMs?: number | undefined;
  readonly idleTimeoutMs?: number | undefined;
  /** Certificates of a private authority (PEM), in place of the usual ones. */
  readonly caPem?: string | undefined;
  /** Names per LIST request; default and most 1000. */
  readonly listPageSize?: number | undefined;
  /** undefined: the system's own. */
  readonly clock?: Clock | undefined;
}

const firstContactTimeoutMs = 15_000;

/** A repository in a bucket. One PUT is one object: S3 shows it whole or not at all. */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const { address } = options;
  const url = describeS3Address(address);
  const base = address.prefix === "" ? "" : `${address.prefix}/`;
  const idleTimeoutMs = options.idleTimeoutMs ?? 60_000;
  const { client, handler } = createS3Client({
    endpoint: address.endpoint,
    region: options.region,
    credentials: options.credentials,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    idleTimeoutMs,
    caPem: options.caPem,
  });
  const signed = createSignedRequests(client, handler, address, options.clock);
  const shortWays = { get: new ShortWay(), put: new ShortWay() };
  let lastDate: number | undefined;
  watchDate(client, (date) => {
    lastDate = date;
  });
  let bucketSeen = false;

  const place = (name: string): ObjectPlace => ({ name, url });
  const target = (name: string) => {
    checkObjectName(name);
    return { Bucket: address.bucket, Key: base + name };
  };
  /** Of work that gives a `Refusal` nothing is known of the bucket. */
  const attempt = async <T>(doing: string, name: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    try {
      const result = await work();
      if (!isRefusal(result)) bucketSeen = true;
      return result;
    } catch (error) {
      throw s3Error(error, doing, place(name), signal);
    }
  };
  const sendOptions = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { abortSignal: signal });

  /** A HEAD answer has no body to say which of the two is missing. */
  const requireBucket = async (signal: AbortSignal | undefined): Promise<void> => {
    if (bucketSeen) return;
    try {
      await client.send(new HeadBucketCommand({ Bucket: address.bucket }), sendOptions(signal));
      bucketSeen = true;
    } catch (error) {
      // Keys may be allowed to read objects and not to look at the bucket: only "not found" is an answer here.
      if (statusOf(error) !== 404) return;
      throw new LifeboatError("store-bucket-missing", `there is no bucket for ${url}`, { context: { store: url } });
    }
  };

  /** A HEAD answer has a status and no words: the same question as a GET brings the store's own. Gives what is thrown then. */
  const askForWords = async (input: ReturnType<typeof target>, error: unknown, signal: AbortSignal | undefined) => {
    const status = statusOf(error);
    if (status === undefined || status < 300 || status >= 500) return error;
    try {
      const answer = await client.send(new GetObjectCommand({ ...input, Range: "bytes=0-0" }), sendOptions(signal));
      (answer.Body as Readable).destroy();
      // Whatever it was is over: perhaps a clock that the SDK has set right by now.
      const words = `looking at ${input.Key} in ${url} was refused with HTTP ${status}, reading it was not`;
      return new LifeboatError("store-failed", words, { retry: "later", context: { store: url } });
    } catch (words) {
      return statusOf(words) === status ? words : error;
    }
  };

  const head = async (name: string, signal: AbortSignal | undefined): Promise<ObjectInfo | undefined> => {
    const input = target(name);
    // A wrong address should not take minutes to say so.
    const patienceMs = Math.min(firstContactTimeoutMs, idleTimeoutMs);
    const patience = bucketSeen ? undefined : AbortSignal.timeout(patienceMs);
    return attempt("looking at", name, signal, async () => {
      try {
        const found = await client.send(
          new HeadObjectCommand(input),
          sendOptions(patience === undefined ? signal : AbortSignal.any([patience, ...(signal === undefined ? [] : [signal])])),
        );
        return describeObject(name, found.ContentLength, found.LastModified);
      } catch (error) {
        if (patience?.aborted && signal?.aborted !== true) throw noAnswer(url, patienceMs);
        if (statusOf(error) !== 404) throw await askForWords(input, error, signal);
        await requireBucket(signal);
        return undefined;
      }
    });
  };

  const getObject = async (
    input: ReturnType<typeof target>,
    range: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<GetAnswer> => {
    const short = shortWays.get.isOpen ? await signed.get(input.Key, range, signal) : undefined;
    if (short !== undefined && "body" in short) {
      shortWays.get.worked();
      return short;
    }
    const command = new GetObjectCommand({ ...input, ...(range !== undefined && { Range: range }) });
    const { Body: body, ContentLength: length, ContentRange: contentRange } = await client.send(command, sendOptions(signal));
    if (short !== undefined) shortWays.get.overtaken(short.refusedWith);
    return { body: body as Readable, length, contentRange };
  };

  /** Length is what will come, checked against what was asked for. undefined: nothing lies behind this offset, and no more was asked. */
  const openRange = async (name: string, range: RangeOptions): Promise<{ body: Readable; length: number } | undefined> => {
    const input = target(name);
    checkRange(range);
    const offset = range.offset ?? 0;
    const wantsRange = range.length !== undefined || offset > 0;
    const last = range.length === undefined ? "" : String(offset + range.length - 1);
    return attempt("reading", name, range.signal, async () => {
      try {
        const header = wantsRange ? `bytes=${offset}-${last}` : undefined;
        const { body, length, contentRange } = await getObject(input, header, range.signal);
        try {
          const isRange = contentRange !== undefined;
          if (length === undefined || (wantsRange ? !contentRange?.startsWith(`bytes ${offset}-`) : isRange)) {
            throw brokenTransfer(place(name), 0, range.length ?? length ?? 0, new Error("the answer is not the range asked for"));
          }
          if (range.length !== undefined && length !== range.length) {
            throw tooShort(place(name), offset + length, offset, offset + range.length);
          }
          return { body, length };
        } catch (error) {
          body.destroy();
          throw error;
        }
      } catch (error) {
        if (statusOf(error) !== 416) throw error;
        const size = (await head(name, range.signal))?.size;
        if (size === offset && range.length === undefined) return undefined;
        throw tooShort(place(name), size, offset, offset + (range.length ?? 1));
      }
    });
  };

  return {
    url,
    connections: options.connections ?? 5,
    async *list(prefix, list: ListOptions = {}) {
      checkPrefix(prefix);
      const { signal, after } = list;
      let token: string | undefined;
      do {
        const page = await attempt("listing", prefix, signal, () =>
          client.send(
            new ListObjectsV2Command({
              Bucket: address.bucket,
              Prefix: base + prefix,
              ...(options.listPageSize === undefined ? {} : { MaxKeys: options.listPageSize }),
              ...(token === undefined ? {} : { ContinuationToken: token }),
              ...(after === undefined ? {} : { StartAfter: base + after }),
            }),
            sendOptions(signal),
          ),
        );
        if (page.Name === undefined && page.KeyCount === undefined && page.IsTruncated === undefined) throw noStore(url);
        for (const { Key: key, Size: size, LastModified: modified } of page.Contents ?? []) {
          // Consoles leave empty objects named like folders; some stores pass over StartAfter.
          if (key === undefined || !key.startsWith(base + prefix) || key.endsWith("/")) continue;
          const name = key.slice(base.length);
          if (after === undefined || compareNames(name, after) > 0) yield describeObject(name, size, modified);
        }
        const next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
        if (page.IsTruncated === true && (next === undefined || next === token)) {
          throw new LifeboatError("store-failed", `listing ${prefix} in ${url} does not come to an end`, {
            context: { store: url },
          });
        }
        token = next;
      } while (token !== undefined);
    },
    async stat(name, { signal } = {}) {
      return head(name, signal);
    },
    async get(name, range = {}) {
      const opened = await openRange(name, range);
      if (opened === undefined) return range.into?.subarray(0, 0) ?? new Uint8Array(0);
      try {
        checkAllowedSize(place(name), opened.length, range);
        return await collectBody(
          opened.body,
          range.into?.subarray(0, opened.length) ?? Buffer.allocUnsafeSlow(opened.length),
          place(name),
          range,
        );
      } catch (error) {
        opened.body.destroy();
        throw s3Error(error, "reading", place(name), range.signal);
      }
    },
    async getStream(name, range = {}) {
      const opened = await openRange(name, range);
      return opened === undefined ? noBytes() : streamUntilAborted(opened.body, opened.length, place(name), range.signal);
    },
    async put(name, body, { sha256: known, signal, pace } = {}) {
      const input = target(name);
      const facts = { length: bodyLength(body), sha256: known ?? sha256Hex(joinBody(body)) };
      /** With a body made anew, which is sent once. */
      const send = <T>(way: (payload: Uint8Array | Readable, signal: AbortSignal | undefined) => Promise<T>): Promise<T> => {
        const payload = requestBody(body, pace, signal);
        const watched = stopWithBody(payload, signal);
        return attempt("writing", name, watched, () => way(payload, watched));
      };
      let refusal: Refusal | undefined;
      if (shortWays.put.isOpen) {
        refusal = await send((payload, watched) => signed.put(input.Key, payload, facts, watched));
        if (refusal === undefined) return shortWays.put.worked();
      }
      await send(async (payload, watched) => {
        const type = "application/octet-stream";
        const command = new PutObjectCommand({ ...input, Body: payload, ContentLength: facts.length, ContentType: type });
        addHeader(command, "x-amz-content-sha256", facts.sha256);
        await client.send(command, sendOptions(watched));
      });
      if (refusal !== undefined) shortWays.put.overtaken(refusal.refusedWith);
    },
    async delete(name, { signal } = {}) {
      const input = target(name);
      try {
        await attempt("deleting", name, signal, () => client.send(new DeleteObjectCommand(input), sendOptions(signal)));
      } catch (error) {
        if (!isLifeboatError(error, "object-missing")) throw error;
      }
    },
    async serverTime({ signal } = {}) {
      lastDate = undefined;
      await head("config", signal);
      if (lastDate !== undefined) return lastDate;
      throw new LifeboatError("store-failed", `${url} answers without a Date header`, {
        retry: "never",
        context: { store: url },
      });
    },
    async close() {
      client.destroy();
    },
  };
}

function isRefusal(result: unknown): result is Refusal {
  return typeof result === "object" && result !== null && "refusedWith" in result;
}

/** A web server that answers everything with a page. */
function noStore(url: string): LifeboatError {
  return new LifeboatError("store-failed", `what answers for ${url} is no S3 store: it lists no bucket`, {
    retry: "never",
    hint: noStoreHint,
    context: { store: url },
  });
}

function noAnswer(url: string, milliseconds: number): LifeboatError {
  return new LifeboatError("store-unreachable", `no answer from ${url} within ${milliseconds / 1000} s`, {
    context: { store: url },
  });
}

function describeObject(name: string, size: number | undefined, modified: Date | undefined): ObjectInfo {
  return { name, size: size ?? 0, ...(modified === undefined ? {} : { modified: modified.getTime() }) };
}

/** The SDK does not listen to what it sends: a body that breaks off would end the program, and the request would wait for its rest. */
function stopWithBody(body: Uint8Array | Readable, signal: AbortSignal | undefined): AbortSignal | undefined {
  if (body instanceof Uint8Array) return signal;
  const stop = new AbortController();
  body.on("error", (error) => stop.abort(error));
  return signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}

async function* streamUntilAborted(
  body: Readable,
  length: number,
  place: ObjectPlace,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    yield* streamBody(body, length, place);
  } catch (error) {
    throw s3Error(error, "reading", place, signal);
  }
}
