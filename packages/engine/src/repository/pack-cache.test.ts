import { describe, expect, it } from "vitest";
import { PackCache } from "./pack-cache.ts";

function createCounted(maxBytes: number) {
  const cache = new PackCache(maxBytes);
  const loads: string[] = [];
  const get = (id: string, bytes: number) =>
    cache.get(id, async () => {
      loads.push(id);
      return new Uint8Array(bytes);
    });
  return { get, loads, cache };
}

describe("the cache of tree packs", () => {
  it("keeps many small packs, as checkpoints leave them", async () => {
    const { get, loads } = createCounted(100);
    for (let round = 0; round < 3; round++) for (let pack = 0; pack < 20; pack++) await get(`small-${pack}`, 5);
    expect(loads.length).toBe(20);
  });

  it("never keeps more bytes than it may, and lets go what was used longest ago", async () => {
    const { get, loads } = createCounted(100);
    for (const id of ["a", "b", "c"]) await get(id, 40);
    await get("b", 40);
    await get("c", 40);
    await get("a", 40);
    await get("c", 40);
    await get("b", 40);
    expect(loads).toEqual(["a", "b", "c", "a", "b"]);
  });

  it("keeps the last one, however large it is", async () => {
    const { get, loads } = createCounted(100);
    await get("large", 1000);
    await get("large", 1000);
    expect(loads).toEqual(["large"]);
  });

  it("reads a pack once for all who ask at the same time, and again after a failure", async () => {
    const { get, loads, cache } = createCounted(100);
    const failing = cache.get("a", () => Promise.reject(new Error("the line broke")));
    const beside = get("a", 10);
    await expect(failing).rejects.toThrow("the line broke");
    await expect(beside).rejects.toThrow("the line broke");
    await Promise.all([get("a", 10), get("a", 10)]);
    expect(loads).toEqual(["a"]);
  });
});
