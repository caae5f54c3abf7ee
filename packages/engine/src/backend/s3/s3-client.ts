import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { S3Client } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { DirectGetHandler } from "./direct-get/direct-get-handler.ts";
import { regionOf } from "./s3-address.ts";

const maxSockets = 128;

/** Keys, or where the SDK's own chain (environment, profile, instance role) looks for them. */
export type S3Credentials =
  | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined }
  | { readonly profile: string };

export interface S3ClientOptions {
  readonly endpoint: string;
  readonly region: string | undefined;
  readonly credentials: S3Credentials | undefined;
  readonly connectTimeoutMs: number;
  /** Without a byte in either direction for this long the connection counts as dead. */
  readonly idleTimeoutMs: number;
  /** Certificates of a private authority, in place of the usual ones. */
  readonly caPem: string | undefined;
}

/**
 * The SDK with everything settled that it would else take from the machine (region, retries, checksums, endpoints).
 * The agents are our own: no proxy of the environment and no CA bundle meant for others comes between us and the store.
 */
export function createS3Client(options: S3ClientOptions): { readonly client: S3Client; readonly handler: DirectGetHandler } {
  const credentials = options.credentials;
  const agent = { keepAlive: true, maxSockets, noDelay: true, scheduling: "lifo" as const };
  const ordinary = new NodeHttpHandler({
    httpAgent: new HttpAgent(agent),
    httpsAgent: new HttpsAgent({ ...agent, ...(options.caPem === undefined ? {} : { ca: options.caPem }) }),
    connectionTimeout: options.connectTimeoutMs,
    socketTimeout: options.idleTimeoutMs,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const handler = new DirectGetHandler(ordinary, options);
  const client = new S3Client({
    endpoint: options.endpoint,
    region: options.region ?? regionOf(options.endpoint),
    forcePathStyle: true,
    defaultsMode: "standard",
    // The retry wrapper retries; two layers would multiply.
    maxAttempts: 1,
    retryMode: "standard",
    // Newer SDKs add CRC32 trailers that some stores refuse; the SHA-256 that is signed protects the body.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // With an agent of our own the SDK would send the header but not wait for the answer.
    expectContinueHeader: false,
    followRegionRedirects: false,
    disableS3ExpressSessionAuth: true,
    disableMultiregionAccessPoints: true,
    useArnRegion: false,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    authSchemePreference: ["sigv4"],
    userAgentAppId: async () => "lifeboat",
    ...(credentials === undefined
      ? {}
      : "profile" in credentials
        ? { profile: credentials.profile }
        : { credentials: keysOf(credentials) }),
    requestHandler: handler,
  });
  // With one attempt the SDK's own layer has nothing to do but to complain on the console when a streamed body could not be
  // sent. An empty one stands in its place, because the signing layer is put behind it by name.
  client.middlewareStack.add((next) => (args) => next(args), {
    name: "retryMiddleware",
    step: "finalizeRequest",
    priority: "high",
    override: true,
  });
  return { client, handler };
}

function keysOf(keys: { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined }) {
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
