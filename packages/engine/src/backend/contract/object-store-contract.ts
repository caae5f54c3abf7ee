import { isLifeboatError } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ObjectInfo, ObjectStore } from "../object-store.ts";

export interface StoreUnderTest {
  /** Empty. */
  readonly store: ObjectStore;
  cleanup(): Promise<void>;
}

/** What every object store must do, whatever it stands on. */
export function describeObjectStore(label: string, create: () => Promise<StoreUnderTest>, timeoutMs = 30_000): void {
  describe(`object store contract: ${label}`, { timeout: timeoutMs }, () => {
    let underTest: StoreUnderTest;
    let store: ObjectStore;
    beforeAll(async () => {
      underTest = await create();
      store = underTest.store;
    }, timeoutMs);
    afterAll(() => underTest?.cleanup());

    it("gives back what was put, whole", async () => {
      const bytes = pattern(3 * 1024 * 1024 + 17);
      await store.put("data/00/whole", bytes);
      expect(sameBytes(await store.get("data/00/whole"), bytes)).toBe(true);
      expect(await store.stat("data/00/whole")).toMatchObject({ name: "data/00/whole", size: bytes.length });
    });

    it("stores a body of many parts, small and large, as one object", async () => {
      const bytes = pattern(1_000_000);
      const small = Array.from({ length: 500 }, (_, at) => bytes.subarray(at * 1000, at * 1000 + 1000));
      await store.put("data/00/parts", [...small, new Uint8Array(0), bytes.subarray(500_000)]);
      expect(sameBytes(await store.get("data/00/parts"), bytes)).toBe(true);
    });

    it("takes large parts with a hash known beforehand", async () => {
      const bytes = pattern(1024 * 1024);
      await store.put("data/00/hashed", [bytes, bytes], { sha256: doubleMebibyteSha256 });
      const stored = await store.get("data/00/hashed");
      expect(sameBytes(stored.subarray(0, bytes.length), bytes) && sameBytes(stored.subarray(bytes.length), bytes)).toBe(true);
    });

    it("asks for leave before each piece that it moves, and stops when there is none", async () => {
      const bytes = pattern(100_000);
      const asked: number[] = [];
      const pace = { pieceBytes: () => 7000, take: async (count: number) => void asked.push(count) };
      const moved = () => asked.splice(0).reduce((sum, count) => sum + count, 0);
      await store.put("data/00/paced", [bytes.subarray(0, 60_000), bytes.subarray(60_000)], { pace });
      expect(Math.max(...asked)).toBeLessThanOrEqual(7000);
      expect(moved()).toBe(bytes.length);
      expect(sameBytes(await store.get("data/00/paced", { pace }), bytes)).toBe(true);
      expect(moved()).toBe(bytes.length);
      expect(sameBytes(await store.get("data/00/paced", { pace, offset: 5, length: 20_000 }), bytes.subarray(5, 20_005))).toBe(
        true,
      );
      expect(moved()).toBe(20_000);

      const reason = new Error("stopped while it waited");
      const stop = new AbortController();
      const stopping = {
        pieceBytes: () => 7000,
        take: async () => {
          stop.abort(reason);
          throw reason;
        },
      };
      await expect(store.put("data/00/stopped", bytes, { pace: stopping, signal: stop.signal })).rejects.toBe(reason);
      expect(await store.stat("data/00/stopped")).toBeUndefined();
      const again = new AbortController();
      const held = { pieceBytes: () => 7000, take: async () => again.signal.throwIfAborted() };
      again.abort(reason);
      await expect(store.get("data/00/paced", { pace: held, signal: again.signal })).rejects.toBe(reason);
      expect(sameBytes(await store.get("data/00/paced"), bytes)).toBe(true);
    });

    it("keeps an empty object", async () => {
      await store.put("data/00/empty", new Uint8Array(0));
      expect((await store.get("data/00/empty")).length).toBe(0);
      expect(await store.stat("data/00/empty")).toMatchObject({ size: 0 });
      expect(await collectStream(await store.getStream("data/00/empty"))).toHaveLength(0);
    });

    it("gives the bytes to the caller: changing them changes nothing stored", async () => {
      await store.put("data/00/owned", pattern(100));
      (await store.get("data/00/owned")).fill(0);
      expect(sameBytes(await store.get("data/00/owned"), pattern(100))).toBe(true);
    });

    it("reads into the caller's memory, and not beyond its end", async () => {
      await store.put("data/00/into", pattern(1000));
      const memory = new Uint8Array(2000).fill(7);
      const answer = await store.get("data/00/into", { offset: 10, length: 900, into: memory.subarray(0, 950) });
      expect(answer.buffer).toBe(memory.buffer);
      expect(sameBytes(answer, pattern(1000).subarray(10, 910))).toBe(true);
      expect(memory.subarray(900).every((byte) => byte === 7)).toBe(true);
      await expectCode(store.get("data/00/into", { into: memory.subarray(0, 999) }), "repository-damaged");
      expect(memory.subarray(1000).every((byte) => byte === 7)).toBe(true);
    });

    it("reads exactly the range asked for", async () => {
      const bytes = pattern(100_000);
      await store.put("data/00/range", bytes);
      for (const [offset, length] of [
        [0, 1],
        [99_999, 1],
        [0, 100_000],
        [12_345, 54_321],
      ] as const) {
        expect(sameBytes(await store.get("data/00/range", { offset, length }), bytes.subarray(offset, offset + length))).toBe(
          true,
        );
      }
      expect(sameBytes(await store.get("data/00/range", { offset: 99_000 }), bytes.subarray(99_000))).toBe(true);
      expect(sameBytes(await store.get("data/00/range", { length: 10 }), bytes.subarray(0, 10))).toBe(true);
    });

    it("never answers short: a range beyond the end is damage", async () => {
      await store.put("data/00/short", pattern(1000));
      for (const range of [
        { offset: 0, length: 1001 },
        { offset: 999, length: 2 },
        { offset: 1000, length: 1 },
        { offset: 5000, length: 10 },
        { offset: 1001 },
      ]) {
        await expectCode(store.get("data/00/short", range), "repository-damaged");
        await expectCode(
          store.getStream("data/00/short", range).then((stream) => collectStream(stream)),
          "repository-damaged",
        );
      }
      expect((await store.get("data/00/short", { offset: 0, length: 1000 })).length).toBe(1000);
    });

    it("refuses an object that is larger than the caller allows", async () => {
      await store.put("data/00/large", pattern(1000));
      await expectCode(store.get("data/00/large", { maxBytes: 999 }), "repository-damaged");
      expect((await store.get("data/00/large", { maxBytes: 1000 })).length).toBe(1000);
      expect((await store.get("data/00/large", { offset: 10, length: 20, maxBytes: 20 })).length).toBe(20);
    });

    it("streams an object whole and in part", async () => {
      const bytes = pattern(2_000_000);
      await store.put("data/00/stream", bytes);
      expect(sameBytes(await collectStream(await store.getStream("data/00/stream")), bytes)).toBe(true);
      const part = await collectStream(await store.getStream("data/00/stream", { offset: 1_000_001, length: 700_000 }));
      expect(sameBytes(part, bytes.subarray(1_000_001, 1_700_001))).toBe(true);
    });

    it("lets the reader break off a stream and goes on working", async () => {
      await store.put("data/00/broken-off", pattern(8_000_000));
      for (let round = 0; round < 5; round++) {
        for await (const part of await store.getStream("data/00/broken-off")) {
          expect(part.length).toBeGreaterThan(0);
          break;
        }
      }
      expect((await store.get("data/00/broken-off")).length).toBe(8_000_000);
    });

    it("says that an object is missing, and deletes one without complaint", async () => {
      await expectCode(store.get("data/00/none"), "object-missing");
      await expectCode(store.get("data/00/none", { offset: 1, length: 1 }), "object-missing");
      await expectCode(store.getStream("data/00/none"), "object-missing");
      expect(await store.stat("data/00/none")).toBeUndefined();
      expect(await store.stat("nofolder/none")).toBeUndefined();
      await store.delete("data/00/none");
      await store.delete("nofolder/none");
    });

    it("replaces an object, also by the same bytes", async () => {
      await store.put("config", pattern(100));
      await store.put("config", pattern(100));
      expect(sameBytes(await store.get("config"), pattern(100))).toBe(true);
      await store.put("config", pattern(50));
      expect((await store.get("config")).length).toBe(50);
    });

    it("deletes", async () => {
      await store.put("locks/gone", pattern(10));
      await store.delete("locks/gone");
      expect(await store.stat("locks/gone")).toBeUndefined();
      expect(await collectList(store, "locks/")).toEqual([]);
    });

    it("lists by prefix, all levels, sizes with them, in byte order, and nothing else", async () => {
      await store.put("list/b/deep/er", pattern(3));
      await store.put("list/b-c", pattern(1));
      await store.put("list/b.c", pattern(2));
      await store.put("list/a", pattern(4));
      await store.put("list/ä", pattern(5));
      await store.put("listing", pattern(6));
      const expected = ["list/a", "list/b-c", "list/b.c", "list/b/deep/er", "list/ä"];
      const found = await collectList(store, "list/");
      expect(found.map((info) => info.name)).toEqual(expected);
      expect(found.map((info) => info.size)).toEqual([4, 1, 2, 3, 5]);
      expect((await collectList(store, "list/b")).map((info) => info.name)).toEqual(expected.slice(1, 4));
      expect((await collectList(store, "")).map((info) => info.name)).toContain("listing");
      expect(await collectList(store, "no-such-folder/")).toEqual([]);
    });

    it("goes on with a listing after a name, also one that is gone", async () => {
      for (const after of ["list/a", "list/aa", "list/b-c", "list/b.c", "list/b/deep/er", "list/b/x", "list/ä", "list/zz"]) {
        const all = (await collectList(store, "list/")).map((info) => Buffer.from(info.name));
        const expected = all.filter((name) => Buffer.compare(name, Buffer.from(after)) > 0).map(String);
        expect((await collectList(store, "list/", after)).map((info) => info.name)).toEqual(expected);
      }
    });

    it("takes many operations at once", async () => {
      const names = Array.from({ length: 60 }, (_, at) => `index/many-${String(at).padStart(3, "0")}`);
      await Promise.all(names.map((name, at) => store.put(name, pattern(1000 + at))));
      const sizes = await Promise.all(names.map(async (name) => (await store.get(name)).length));
      expect(sizes).toEqual(names.map((_, at) => 1000 + at));
      expect((await collectList(store, "index/")).map((info) => info.name)).toEqual(names);
      await Promise.all(names.map((name) => store.delete(name)));
      expect(await collectList(store, "index/")).toEqual([]);
    });

    it("stops with the signal's reason when it is aborted", async () => {
      const reason = new Error("stopped by the test");
      const signal = AbortSignal.abort(reason);
      await expect(store.put("data/00/aborted", pattern(10), { signal })).rejects.toBe(reason);
      await expect(store.get("config", { signal })).rejects.toBe(reason);
      await expect(store.getStream("config", { signal })).rejects.toBe(reason);
      await expect(store.stat("config", { signal })).rejects.toBe(reason);
      await expect(store.delete("config", { signal })).rejects.toBe(reason);
      await expect(collectList(store, "list/", undefined, signal)).rejects.toBe(reason);
      expect(await store.stat("data/00/aborted")).toBeUndefined();
      expect(await store.stat("config")).toBeDefined();
    });

    it("refuses names that would leave the repository", async () => {
      for (const name of ["", "/etc/passwd", "../escape", "data/../../escape", "data//x", "data/", "a/./b", "a\0b"]) {
        await expect(store.put(name, pattern(1)), name).rejects.toThrow(TypeError);
        await expect(store.get(name), name).rejects.toThrow(TypeError);
        await expect(store.getStream(name), name).rejects.toThrow(TypeError);
        await expect(store.delete(name), name).rejects.toThrow(TypeError);
        await expect(store.stat(name), name).rejects.toThrow(TypeError);
      }
      await expect(collectList(store, "../")).rejects.toThrow(TypeError);
    });
  });
}

/** SHA-256 of `pattern(1024 * 1024)` twice in a row, from sha256sum. */
const doubleMebibyteSha256 = "7650ad9d0f4ee82c9f3e8be207f073b62d5be59a5e8bdc38689d4667d8bc1511";

/** Bytes that differ from place to place, the same every time. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

export async function collectStream(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

export async function collectList(
  store: ObjectStore,
  prefix: string,
  after?: string,
  signal?: AbortSignal,
): Promise<readonly ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const info of store.list(prefix, { after, signal })) found.push(info);
  return found;
}

export async function expectCode(work: Promise<unknown>, code: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(isLifeboatError(error) ? error.code : error).toBe(code);
}
