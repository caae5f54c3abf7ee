export { finishPack, mergeRemainders, type PackRemainder, type SealedPack, targetPackBytes } from "./pack-builder.ts";
export type { BlobBatch } from "./sealing-messages.ts";
export { SealingPool, type SpareMemory } from "./sealing-pool.ts";
