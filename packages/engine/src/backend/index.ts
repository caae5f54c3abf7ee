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
  type PutOptions,
  type RangeOptions,
} from "./object-store.ts";
