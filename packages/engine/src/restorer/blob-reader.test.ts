import { randomBytes } from "node:crypto";
import { LifeboatError } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTestRepository } from "../../../../test/fixtures/pull-tree.ts";
import { createTempFolder, type TempFolder } from "../../../../test/services/index.ts";
import { sha256Hex } from "../crypto/index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import type { Repository } from "../repository/repository.ts";
import { BlobReader } from "./blob-reader.ts";

const largeBytes = 3 * 1024 * 1024;

let temp: TempFolder;
let repository: Repository;
/** Does not compress: so a pack has few of them, and there are many ranges. */
const contents = Array.from({ length: 12 }, () => randomBytes(largeBytes));
const large = contents.map((content) => sha256Hex(content));
let small = "";

beforeAll(async () => {
  temp = await createTempFolder("blob-reader");
  repository = await openTestRepository({ url: temp.path });
  const save = async (bytes: Buffer) => {
    const id = sha256Hex(bytes);
    await writer.saveKnown("data", id, bytes);
    return id;
  };
  const writer = new BlobWriter(repository, { threads: 1 });
  small = await save(Buffer.from("a few words"));
  for (const content of contents) await save(content);
  await writer.finish();
  await writer.close();
}, 60_000);
afterAll(async () => {
  await repository?.close();
  await temp?.remove();
});

const signal = new AbortController().signal;

function memoryOf(blobs: ReadonlyMap<string, Uint8Array | LifeboatError>): ArrayBufferLike[] {
  return [...new Set([...blobs.values()].map((blob) => (blob as Uint8Array).buffer))];
}

function expectContent(blobs: ReadonlyMap<string, Uint8Array | LifeboatError>, at: number): void {
  expect(Buffer.compare(blobs.get(large[at]!) as Uint8Array, contents[at]!), `blob ${at}`).toBe(0);
}

describe("the reader of blobs", () => {
  it("shares no memory with who does not say that it will release it", async () => {
    const reader = new BlobReader(repository);
    const first = await reader.load([large[0]!], signal);
    const second = await reader.load([large[1]!], signal);
    expect(memoryOf(first)[0]).toBeInstanceOf(ArrayBuffer);
    expectContent(first, 0);
    expectContent(second, 1);
    await reader.close();
  });

  it("shares what is large, and nothing for small blobs: thousands of them would each hold a large piece", async () => {
    const reader = new BlobReader(repository, { willRelease: true });
    const few = await reader.load([small], signal);
    expect(memoryOf(few)[0]).toBeInstanceOf(ArrayBuffer);
    expect(Buffer.from(few.get(small) as Uint8Array).toString()).toBe("a few words");
    const many = await reader.load(large, signal);
    for (const room of memoryOf(many)) expect(room).toBeInstanceOf(SharedArrayBuffer);
    for (const at of large.keys()) expectContent(many, at);
    reader.release(many);
    await reader.close();
  });

  it("has its memory back when a part of what was asked for cannot be had now", async () => {
    let isBroken = true;
    const get: Repository["store"]["get"] = async (name, options) => {
      // The last range of several; the others are there by then.
      if (isBroken && (options?.offset ?? 0) > 3 * largeBytes) throw new LifeboatError("store-unreachable", "the line broke");
      return repository.store.get(name, options);
    };
    const failing = new Proxy(repository, {
      get(target, key) {
        if (key === "store") return { ...target.store, get };
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const reader = new BlobReader(failing, { willRelease: true });
    const created = countShared();
    let first = 0;
    try {
      for (let round = 0; round < 20; round++) {
        await expect(reader.load(large, signal)).rejects.toThrow("the line broke");
        if (round === 0) first = created.bytes();
      }
      expect(created.bytes()).toBe(first);
      isBroken = false;
      const blobs = await reader.load(large, signal);
      for (const at of large.keys()) expectContent(blobs, at);
    } finally {
      created.restore();
    }
    await reader.close();
  });
});

/** Shared memory that is made from now on. */
function countShared() {
  const Original = globalThis.SharedArrayBuffer;
  let bytes = 0;
  globalThis.SharedArrayBuffer = new Proxy(Original, {
    construct(target, args: [number]) {
      bytes += args[0];
      return new target(...args);
    },
  });
  return {
    bytes: () => bytes,
    restore: () => {
      globalThis.SharedArrayBuffer = Original;
    },
  };
}
