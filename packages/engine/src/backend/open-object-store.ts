import type { Clock } from "@lifeboat/model";
import { createLocalStore } from "./local/local-object-store.ts";
import type { ObjectStore } from "./object-store.ts";
import { parseRepositoryUrl } from "./repository-url.ts";
import { type RetryEvent, withRetry } from "./retry/with-retry.ts";
import type { S3Credentials } from "./s3/s3-client.ts";

/** All that is needed to open a store; plain data, so that it can be handed to another thread. Holds secrets: never log it. */
export interface StoreLocation {
  /** As restic spells it: `/srv/repo`, `s3:http://host:port/bucket/prefix`. */
  readonly url: string;
  /** For S3; undefined: the SDK's own chain (environment, profile, instance role). */
  readonly credentials?: S3Credentials | undefined;
  /** For S3; default: the one in an AWS endpoint's name, else us-east-1. */
  readonly region?: string | undefined;
  /** Operations worth running at once; default 5 for S3, 2 for a folder. */
  readonly connections?: number | undefined;
}

export interface OpenStoreOptions {
  readonly clock: Clock;
  /** Tries of one operation; default 10. */
  readonly maxTries?: number | undefined;
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
  /** Puts something between the store itself and its retries: faults, counters, limits. */
  readonly wrap?: ((store: ObjectStore) => ObjectStore) | undefined;
}

/**
 * The store that a location names, with retries around it. Nothing is asked of the store yet.
 * Errors: `usage` for a URL that names none.
 */
export async function openObjectStore(location: StoreLocation, options: OpenStoreOptions): Promise<ObjectStore> {
  const store = await openBareObjectStore(location, options.clock);
  return withRetry(options.wrap?.(store) ?? store, options);
}

/**
 * Loads the code that a store at this place needs, and nothing else. For who has more to load meanwhile: a repository's key takes longest,
 * and the store has to be asked for it first. Errors: as `openObjectStore`.
 */
export async function loadStoreCode({ url }: Pick<StoreLocation, "url">): Promise<void> {
  if (parseRepositoryUrl(url).kind === "s3") await import("./s3/s3-object-store.ts");
}

/** The same without retries, for who tries again on its own. A folder has a `serverTime` only with a clock. */
export async function openBareObjectStore(location: StoreLocation, clock?: Clock): Promise<ObjectStore> {
  const place = parseRepositoryUrl(location.url);
  if (place.kind === "local") return createLocalStore({ path: place.path, connections: location.connections, clock });
  // Loaded only here: the SDK costs a third of a second, which a repository in a folder need not pay.
  const { createS3Store } = await import("./s3/s3-object-store.ts");
  return createS3Store({ ...location, address: place.address, clock });
}
