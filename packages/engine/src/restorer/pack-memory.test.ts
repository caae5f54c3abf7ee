import { expect, it } from "vitest";
import { createPackMemory } from "./pack-memory.ts";

const mebibyte = 1024 * 1024;

it("never has more memory than was in use at one time", () => {
  const memory = createPackMemory();
  const seen = new Set<SharedArrayBuffer>();
  for (let round = 0; round < 50; round++) {
    // Packs as they come: none has the size of another.
    const inUse = [16.2, 17.9, 13].map((size) => memory.take(Math.round(size * mebibyte) + round));
    for (const { buffer } of inUse) seen.add(buffer);
    expect(new Set(inUse.map(({ buffer }) => buffer)).size).toBe(3);
    for (const { buffer } of inUse) memory.give(buffer);
  }
  expect(seen.size).toBe(3);
});

it("has room for whatever is asked for", () => {
  const memory = createPackMemory();
  for (const bytes of [1, mebibyte, 20 * mebibyte, 20 * mebibyte + 1, 45 * mebibyte]) {
    expect(memory.take(bytes).length).toBeGreaterThanOrEqual(bytes);
  }
});

it("keeps no giants: packs of ever larger sizes would never use each other's memory", () => {
  const memory = createPackMemory();
  for (const size of [25, 45, 65]) memory.give(memory.take(size * mebibyte).buffer);
  expect(memory.take(1).length).toBeLessThan(mebibyte);
});
