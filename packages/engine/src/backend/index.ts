export { CacheFolder, type CacheOptions } from "./cached/cache-folder.ts";
export { createCachedStore } from "./cached/cached-store.ts";
export {
  type Fault,
  type FaultEffect,
  type FaultyStore,
  injectFaults,
  type StoreOperation,
} from "./faulty/inject-faults.ts";
export { createPace, type PaceOptions } from "./limited/create-pace.ts";
export { limitRate, type StorePaces } from "./limited/limit-rate.ts";
export { createLocalStore, type LocalStoreOptions } from "./local/local-object-store.ts";
export { createMemoryStore, type MemoryStoreOptions } from "./memory/memory-object-store.ts";
export {
  defaultMaxBytes,
  type GetOptions,
  type ListOptions,
  type ObjectBody,
  type ObjectInfo,
  type ObjectStore,
  type OperationOptions,
  type Pace,
  type PutOptions,
  type RangeOptions,
} from "./object-store.ts";
export {
  loadStoreCode,
  type OpenStoreOptions,
  openBareObjectStore,
  openObjectStore,
  type StoreLocation,
} from "./open-object-store.ts";
export { describeUrl, parseRepositoryUrl, type RepositoryPlace } from "./repository-url.ts";
export { type RetryEvent, type RetryOptions, withRetry } from "./retry/with-retry.ts";
export { describeS3Address, type S3Address } from "./s3/s3-address.ts";
export type { S3Credentials } from "./s3/s3-client.ts";
