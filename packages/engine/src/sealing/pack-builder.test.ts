import { randomBytes } from "node:crypto";
import { expect, it, vi } from "vitest";
import { createBlobCodec } from "../blob-codec/index.ts";
import { Sealer, sha256Hex } from "../crypto/index.ts";
import { mergeRemainders, PackBuilder, type PackRemainder, type SealedPack } from "./pack-builder.ts";

const mebibyte = 1024 * 1024;
const key = { encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) };
const nameOf = ({ buffer, length }: SealedPack) => sha256Hex(new Uint8Array(buffer, 0, length));

/** Hashes blobs beside the open pack and puts them into it, as a sealing thread does. */
function createFiller() {
  const codec = createBlobCodec(key);
  const sealer = new Sealer(key);
  const builder = new PackBuilder(codec, sealer, "data");
  const fill = (bytes: number): SealedPack | undefined => {
    const blob = randomBytes(bytes);
    const id = Buffer.from(codec.hash(blob, Uint32Array.of(0, bytes), builder.beside)).toString("hex");
    expect(id).toBe(sha256Hex(blob));
    return builder.add(id, blob);
  };
  return { builder, sealer, fill };
}

it("names each pack by its hash, however it came to its end", () => {
  const { builder, fill } = createFiller();
  const packs: (SealedPack | undefined)[] = [];
  for (let round = 0; round < 40; round++) {
    packs.push(fill(randomBytes(3).readUIntBE(0, 3) % (3 * mebibyte)), fill(100));
    if (round % 9 === 5) packs.push(builder.close());
    if (round % 9 === 8) builder.takeRemainder();
  }
  packs.push(builder.close());
  const made = packs.filter((pack) => pack !== undefined);
  expect(made.length).toBeGreaterThanOrEqual(5);
  for (const pack of made) expect(pack.id).toBe(nameOf(pack));
});

it("knows nothing of a pack that could not be finished when it makes the next one", () => {
  const { builder, sealer, fill } = createFiller();
  for (let at = 0; at < 3; at++) fill(100_000);
  vi.spyOn(sealer, "sealInto").mockImplementationOnce(() => {
    throw new Error("no memory");
  });
  expect(() => builder.close()).toThrow("no memory");
  for (let at = 0; at < 5; at++) fill(100_000);
  const pack = builder.close()!;
  expect(pack.id).toBe(nameOf(pack));
});

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
