import { expect, it } from "vitest";
import { mergeRemainders, type PackRemainder } from "./pack-builder.ts";

const mebibyte = 1024 * 1024;

function remainder(type: "data" | "tree", content: number, length: number, roomBytes: number): PackRemainder {
  const buffer = new SharedArrayBuffer(roomBytes);
  new Uint8Array(buffer, 0, length).fill(content);
  const id = String(content).padStart(64, "0");
  return { type, buffer, length, blobs: [{ id, type, offset: 0, length, uncompressedLength: 0 }] };
}

it("joins what is left of several packs in the memory of the first one, as long as there is room", () => {
  const rests = [1, 2, 3].map((content) => remainder("data", content, 1000, 25 * mebibyte));
  const merged = mergeRemainders(rests);
  expect(merged.length).toBe(1);
  expect(merged[0]!.buffer).toBe(rests[0]!.buffer);
  expect(merged[0]!.length).toBe(3000);
  expect(merged[0]!.blobs.map(({ offset }) => offset)).toEqual([0, 1000, 2000]);
  const bytes = new Uint8Array(merged[0]!.buffer, 0, 3000);
  for (const [at, content] of [1, 2, 3].entries())
    expect(bytes.subarray(at * 1000, at * 1000 + 1000).every((byte) => byte === content)).toBe(true);
});

it("takes larger memory where the first one has no room, and keeps types apart", () => {
  const rests = [remainder("data", 1, 1000, 1000), remainder("data", 2, 2000, 2000), remainder("tree", 3, 500, 25 * mebibyte)];
  const merged = mergeRemainders(rests);
  expect(merged.map(({ type, length }) => [type, length])).toEqual([
    ["data", 3000],
    ["tree", 500],
  ]);
  const bytes = new Uint8Array(merged[0]!.buffer, 0, 3000);
  expect(bytes[999]).toBe(1);
  expect(bytes[1000]).toBe(2);
  expect(bytes[2999]).toBe(2);
});
