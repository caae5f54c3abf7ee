import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { BlobIndex } from "./blob-index.ts";

const blob = (id: string, offset = 0, type: "data" | "tree" = "data") => ({
  id,
  type,
  offset,
  length: 40,
  uncompressedLength: 8,
});
const newId = () => randomBytes(32).toString("hex");

describe("the index of blobs", () => {
  it("finds every blob where it was said to lie, in at most 70 bytes a blob", () => {
    const index = new BlobIndex();
    const packs = Array.from({ length: 260 }, () => ({
      id: newId(),
      blobs: Array.from({ length: 1000 }, (_, at) => blob(newId(), at * 40)),
    }));
    for (const pack of packs) index.addPack(pack);
    expect(index.size).toBe(260_000);
    const wrong = packs.flatMap(({ id, blobs }) =>
      blobs.filter((wanted) => {
        const found = index.locate(wanted.id);
        return found?.packId !== id || found.offset !== wanted.offset || found.length !== 40 || found.uncompressedLength !== 8;
      }),
    );
    expect(wrong).toEqual([]);
    expect(index.locate(newId())).toBeUndefined();
    expect(index.memoryBytes / index.size).toBeLessThanOrEqual(70);
  });

  it("keeps all copies of a blob, the first one first", () => {
    const index = new BlobIndex();
    const id = newId();
    index.addPack({ id: "a".repeat(64), blobs: [blob(id, 5)] });
    index.addPack({ id: "b".repeat(64), blobs: [blob(id, 7)] });
    expect(index.locateAll(id).map(({ packId, offset }) => [packId[0], offset])).toEqual([
      ["a", 5],
      ["b", 7],
    ]);
  });

  it("knows a tree and a data blob of one id apart", () => {
    const index = new BlobIndex();
    const id = newId();
    index.addPack({ id: "a".repeat(64), blobs: [blob(id, 0, "tree")] });
    expect(index.has(id, "tree")).toBe(true);
    expect(index.has(id, "data")).toBe(false);
    expect(index.claim(id, "data")).toBe(true);
  });

  it("gives a new blob to the first who claims it, and shows it only when it is stored", () => {
    const index = new BlobIndex();
    const id = newId();
    expect(index.claim(id, "data")).toBe(true);
    expect(index.claim(id, "data")).toBe(false);
    expect(index.has(id, "data")).toBe(true);
    expect(index.locate(id)).toBeUndefined();
    index.settle({ id: "c".repeat(64), blobs: [blob(id, 3)] });
    expect(index.locate(id)?.offset).toBe(3);
    expect(index.size).toBe(1);
  });
});
