import type { ByteString, FileEntry } from "@lifeboat/model";
import { expect, test } from "vitest";
import type { BlobStream } from "../repository/blob-stream.ts";
import type { BlobWriter } from "../repository/blob-writer.ts";
import type { BlobBatch } from "../sealing/index.ts";
import { type ArchiveItem, createItem } from "./archive-item.ts";
import { ContentCollector, singleBlobBytes } from "./content-collector.ts";
import type { Folder } from "./folder-tree.ts";

const batchBytes = 2 * 1024 * 1024;

function itemOf(size: number): ArchiveItem {
  return createItem({} as Folder, { path: "/a" as ByteString, type: "file", size } as FileEntry, undefined);
}

/** A collector whose writer answers when it is told to. */
function openCollector() {
  const batches: { batch: BlobBatch; answer: PromiseWithResolvers<readonly string[]> }[] = [];
  const streams: { written: number; ended: PromiseWithResolvers<string[]> }[] = [];
  const known: ArchiveItem[] = [];
  const writer = {
    takeBatch: () => new ArrayBuffer(batchBytes),
    saveBatch: (batch: BlobBatch) => {
      const answer = Promise.withResolvers<readonly string[]>();
      batches.push({ batch, answer });
      return answer.promise;
    },
    openStream: () => {
      const stream = { written: 0, ended: Promise.withResolvers<string[]>() };
      streams.push(stream);
      const write = (bytes: Uint8Array) => {
        stream.written += bytes.length;
      };
      return { write, finish: () => stream.ended.promise, drop: () => undefined } as unknown as BlobStream;
    },
  };
  const collector = new ContentCollector(writer as unknown as BlobWriter, (item) => known.push(item));
  /** A whole file; true when something had to be waited for before its content. */
  const put = (item: ArchiveItem): boolean => {
    const waiting = collector.start(item);
    waiting?.catch(() => undefined);
    if (waiting !== undefined) return true;
    expect(collector.data(item, new Uint8Array(item.entry.size))).toBeUndefined();
    collector.end(item);
    return false;
  };
  return { collector, batches, streams, known, put };
}

/** So many fit into a batch. */
const small = () => itemOf(singleBlobBytes);
const filesPerBatch = batchBytes / singleBlobBytes;

test("small files need no promise until so much is handed over that the next has to wait for ids", async () => {
  const { collector, batches, known, put } = openCollector();
  const items = Array.from({ length: 2 * filesPerBatch }, small);
  for (const item of items) expect(put(item)).toBe(false);
  expect(batches).toHaveLength(1);
  let hasRoom = false;
  const next = small();
  const waiting = collector.start(next);
  void waiting?.then(() => (hasRoom = true));
  expect(batches).toHaveLength(2);
  await new Promise(setImmediate);
  expect(hasRoom).toBe(false);
  batches[0]?.answer.resolve(Array.from({ length: filesPerBatch }, (_, at) => `id ${at}`));
  await waiting;
  expect(known).toEqual(items.slice(0, filesPerBatch));
  expect(items[1]?.content).toEqual(["id 1"]);
});

test("a large file waits as well while two others have no ids", async () => {
  const { collector, streams, put } = openCollector();
  const large = () => itemOf(singleBlobBytes + 1);
  expect(put(large())).toBe(false);
  expect(put(large())).toBe(false);
  const waiting = collector.start(large());
  expect(waiting).toBeInstanceOf(Promise);
  expect(streams).toHaveLength(2);
  streams[0]?.ended.resolve(["id"]);
  await waiting;
  expect(streams).toHaveLength(3);
});

test("what could not be stored stops whoever waits, and whoever comes later", async () => {
  const { collector, batches, put } = openCollector();
  for (let count = 0; count < 2 * filesPerBatch; count++) put(small());
  const waiting = collector.start(small());
  batches[0]?.answer.reject(new Error("the store is full"));
  await expect(waiting).rejects.toThrow("the store is full");
  batches[1]?.answer.reject(new Error("the store is still full"));
  await expect(collector.drain()).rejects.toThrow("the store is full");
  expect(() => put(itemOf(singleBlobBytes + 1))).toThrow("the store is full");
});

test("a file that is larger than listed becomes a stream, with what lay in the batch before it", async () => {
  const { collector, streams } = openCollector();
  const item = itemOf(10);
  expect(collector.start(item)).toBeUndefined();
  expect(collector.data(item, new Uint8Array(10))).toBeUndefined();
  await collector.data(item, new Uint8Array(singleBlobBytes));
  expect(streams.map(({ written }) => written)).toEqual([singleBlobBytes + 10]);
});
