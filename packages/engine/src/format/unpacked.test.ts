import { randomBytes } from "node:crypto";
import type { Clock } from "@lifeboat/model";
import { expect, it } from "vitest";
import { createMemoryStore } from "../backend/index.ts";
import { Sealer, sha256Hex } from "../crypto/index.ts";
import { initRepository, openRepository } from "../repository/open-repository.ts";
import { createMasterKey } from "./key-file.ts";
import { decodeUnpacked, encodeUnpacked } from "./unpacked.ts";
import { compress } from "./zstd.ts";

const mebibyte = 1024 * 1024;
const clock: Clock = { now: () => Date.now(), sleep: async () => {} };

/** A few kilobytes that claim to be so many mebibytes of JSON. */
function bomb(sealer: Sealer, mebibytes: number): Buffer {
  const plain = Buffer.alloc(mebibytes * mebibyte, " ");
  plain.write("{}");
  return sealer.seal(Buffer.concat([Buffer.from([2]), compress(plain)]));
}

it("unpacks what is small, or an index, however well it was compressed", () => {
  const sealer = new Sealer(createMasterKey());
  expect(decodeUnpacked(sealer, bomb(sealer, 15))).toEqual({});
  // As an index of one pack: nothing but the ids differs.
  const blobs = Array.from({ length: 100_000 }, (_, at) => ({
    id: randomBytes(32).toString("hex"),
    type: "data",
    offset: at * 1_000_000,
    length: 1_000_000,
    uncompressed_length: 1_048_576,
  }));
  const json = JSON.stringify({ packs: [{ id: "ab".repeat(32), blobs }] });
  const { bytes } = encodeUnpacked(sealer, json);
  expect(json.length).toBeGreaterThan(16 * mebibyte - 2 * mebibyte);
  expect(json.length / bytes.length).toBeLessThan(6);
  expect(decodeUnpacked(sealer, bytes)).toEqual(JSON.parse(json));
});

it("an index of a few kilobytes that unpacks to 100 MiB is damage, and says so, before it fills memory", async () => {
  const store = createMemoryStore();
  const options = { clock, username: "test", hostname: "test", cost: { N: 1024, r: 8, p: 1 } };
  const repository = await initRepository({ store }, "password", options);
  const bytes = bomb(repository.sealer, 100);
  expect(bytes.length).toBeLessThan(20_000);
  const id = sha256Hex(bytes);
  await store.put(`index/${id}`, bytes);
  const opened = await openRepository({ store }, "password");
  await expect(opened.loadIndex({ signal: new AbortController().signal })).rejects.toMatchObject({
    code: "repository-damaged",
    message: expect.stringMatching(new RegExp(`index ${id} .* is damaged: its \\d+ bytes unpack to more than 16777216`)),
    hint: expect.stringContaining("repair index"),
  });
  await store.put(`lifeboat/v1/run/${id}`, bytes);
  await expect(opened.loadSide("run", id)).rejects.toMatchObject({ code: "repository-damaged" });
});
