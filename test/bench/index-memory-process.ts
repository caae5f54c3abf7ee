import { randomFillSync } from "node:crypto";
import { BlobIndex } from "../../packages/engine/src/repository/blob-index.ts";

/** `BLOBS`: fills an index with so many and says what it takes, by its own count and by the kernel's. */
const blobs = Number(process.argv[2]);
const perPack = 1000;
const random = Buffer.alloc(32 * (perPack + 1));
const before = residentBytes();
const started = performance.now();
const index = new BlobIndex();
let last = "";
for (let filled = 0; filled < blobs; filled += perPack) {
  const hex = randomFillSync(random).toString("hex");
  const id = (at: number) => hex.slice(at * 64, at * 64 + 64);
  last = id(0);
  index.addPack({
    id: id(perPack),
    blobs: Array.from({ length: perPack }, (_, at) => ({
      ...{ id: id(at), type: "data" as const },
      ...{ offset: at * 16_000, length: 16_000, uncompressedLength: 40_000 },
    })),
  });
}
if (index.locate(last)?.length !== 16_000) throw new Error("the index does not find what was put in");
const seconds = (performance.now() - started) / 1000;
globalThis.gc?.();
const figures = { blobs: index.size, own_bytes: index.memoryBytes, resident_bytes: residentBytes() - before, seconds };
process.stdout.write(`${JSON.stringify(figures)}\n`);

function residentBytes(): number {
  return process.memoryUsage.rss();
}
