import { createHash } from "node:crypto";
import { type ByteString, byteString, LifeboatError } from "@lifeboat/model";
import { afterEach, describe, expect, it } from "vitest";
import { createMemoryStore } from "../backend/index.ts";
import { createChacha12Bytes } from "../chunker/chacha12-bytes.ts";
import { encodeTree, goFileMode, type TreeNode } from "../format/index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import { initRepository, openRepository } from "../repository/open-repository.ts";
import type { Repository } from "../repository/repository.ts";
import { BlobReader } from "../restorer/blob-reader.ts";
import { checkRepository } from "./check-repository.ts";
import { executePrune } from "./execute-prune.ts";
import { forgetSnapshots } from "./forget-snapshots.ts";
import { forgetEverything } from "./load-index-files.ts";
import { planPrune } from "./plan-prune.ts";
import { repositoryStats } from "./repository-stats.ts";
import { fixtureClock, initOptions, password } from "./stock-restic-fixture.ts";
import { unlockRepository } from "./unlock-repository.ts";

const options = () => ({ signal: new AbortController().signal, clock: fixtureClock, beforeRemove: async () => {} });

function fileNode(name: string, content: readonly string[], size: number): TreeNode {
  const time = "2026-11-01T00:00:00Z";
  const owner = { uid: 0, gid: 0, user: "", group: "", inode: "0", deviceId: "0", links: 1 };
  return {
    name: byteString(name) as ByteString,
    type: "file",
    mode: goFileMode("file", 0o644),
    mtime: time,
    atime: time,
    ctime: time,
    ...owner,
    size,
    content,
  };
}

const writers = new Map<Repository, BlobWriter>();
afterEach(async () => {
  await Promise.all([...writers.values()].map((writer) => writer.close()));
  writers.clear();
});

/** A snapshot of one file with these blobs, in packs and an index file of its own. */
async function saveSnapshot(repository: Repository, day: number, blobs: readonly Uint8Array<ArrayBuffer>[]): Promise<string> {
  const writer = writers.get(repository) ?? new BlobWriter(repository, { threads: 1 });
  writers.set(repository, writer);
  const ids: string[] = [];
  for (const blob of blobs) {
    const buffer = blob.slice().buffer;
    ids.push(...(await writer.saveBatch({ buffer, ranges: Uint32Array.of(0, blob.length) })));
  }
  const tree = writer.saveTree(
    encodeTree([
      fileNode(
        "file",
        ids,
        blobs.reduce((sum, blob) => sum + blob.length, 0),
      ),
    ]),
  );
  await writer.finish();
  const time = `2026-11-${String(day).padStart(2, "0")}T00:00:00Z`;
  return (await repository.saveSnapshot({ time, tree, paths: ["/file"] })).id;
}

const bytes = (seed: number, length = 20_000) => createChacha12Bytes(BigInt(seed), length) as Uint8Array<ArrayBuffer>;

async function init() {
  const store = createMemoryStore();
  const repository = await initRepository({ store }, password, initOptions);
  const open = () => openRepository({ store }, password);
  const prune = async (maxUnusedRatio?: number) => {
    const plan = await planPrune(await open(), { ...options(), maxUnusedRatio });
    return { plan, result: await executePrune(await open(), plan, options()) };
  };
  const check = async () => checkRepository(await open(), { ...options(), readData: true });
  return { store, repository, open, prune, check };
}

describe("pruning", { timeout: 300_000 }, () => {
  it("keeps one of several copies of a blob", async () => {
    const { repository, open, prune, check } = await init();
    await saveSnapshot(repository, 1, [bytes(1), bytes(2)]);
    // Two programs that did not know of each other.
    await saveSnapshot(forgetEverything(repository), 2, [bytes(1), bytes(3)]);
    const before = await repositoryStats(await open());
    const { plan, result } = await prune(0);
    expect(plan.unusedBytes).toBeGreaterThan(20_000);
    expect(result.deletedPacks).toBeGreaterThan(0);
    const after = await repositoryStats(await open());
    expect(after).toMatchObject({ snapshots: 2, dataBlobs: 3, plainBytes: before.plainBytes });
    expect(before.storedBytes - after.storedBytes).toBeGreaterThan(19_000);
    expect(await check()).toMatchObject({ errors: [], hints: [], blobs: after.dataBlobs + after.treeBlobs });
  });

  it("stops before anything goes when a snapshot has come meanwhile", async () => {
    for (const place of ["data/", "index/"]) {
      const { store, repository, open, prune, check } = await init();
      const mixed = await saveSnapshot(repository, 1, [bytes(1), bytes(2)]);
      await saveSnapshot(repository, 2, [bytes(1)]);
      const whole = await saveSnapshot(repository, 3, [bytes(3, 200_000)]);
      await forgetSnapshots(repository, { keep: [], remove: [mixed, whole] });
      const put = store.put.bind(store);
      let hasCome = false;
      Object.assign(store, {
        put: async (...[name, ...rest]: Parameters<typeof put>) => {
          if (name.startsWith(place) && !hasCome) {
            hasCome = true;
            const other = await open();
            await other.loadIndex();
            // Its content is known and stands in a pack that is to go.
            await saveSnapshot(other, 4, [bytes(3, 200_000)]);
          }
          return put(name, ...rest);
        },
      });
      await expect(prune(0)).rejects.toThrow("has changed since the prune was planned; no pack that an index named was removed");
      expect(hasCome).toBe(true);
      expect(await check()).toMatchObject({ errors: [], snapshots: 2 });
    }
  });

  it("asks for the lock again before index files go, and before packs go", async () => {
    for (const asked of [1, 2]) {
      const { repository, open, check } = await init();
      const mixed = await saveSnapshot(repository, 1, [bytes(1), bytes(2)]);
      await saveSnapshot(repository, 2, [bytes(1)]);
      await forgetSnapshots(repository, { keep: [], remove: [mixed] });
      const plan = await planPrune(await open(), { ...options(), maxUnusedRatio: 0 });
      let times = 0;
      const beforeRemove = async () => {
        times++;
        if (times === asked) throw new Error("the lock is lost");
      };
      await expect(executePrune(await open(), plan, { ...options(), beforeRemove })).rejects.toThrow("the lock is lost");
      // A pack with two files, two of trees, and the new one of what was moved.
      const { errors, packs, unindexedPacks } = await check();
      expect({ errors, packs: packs + unindexedPacks }).toEqual({ errors: [], packs: 4 });
    }
  });

  it("says how many packs it could not delete, and counts only the others", async () => {
    const { store, repository, prune, check } = await init();
    const gone = await saveSnapshot(repository, 1, [bytes(1)]);
    await saveSnapshot(repository, 2, [bytes(2)]);
    await forgetSnapshots(repository, { keep: [], remove: [gone] });
    const { delete: remove } = store;
    Object.assign(store, {
      delete: async (name: string, given?: object) => {
        if (name.startsWith("data/")) throw new LifeboatError("store-failed", "the store is busy");
        return remove.call(store, name, given);
      },
    });
    const { result, plan } = await prune();
    const bytesGone = plan.remove.reduce((sum, pack) => sum + pack.bytes, 0);
    expect(result).toMatchObject({
      deletedPacks: 0,
      deletedBytes: 0,
      leftPacks: 2,
      leftBytes: bytesGone,
      failure: { code: "store-failed" },
    });
    expect(await check()).toMatchObject({ errors: [], unindexedPacks: 2 });
    Object.assign(store, { delete: remove });
    expect((await prune()).result).toMatchObject({ deletedPacks: 2, leftPacks: 0, failure: undefined });
  });

  it("leaves who has opened the repository before a way to what it has moved", async () => {
    const { repository, open, prune, check } = await init();
    const mixed = await saveSnapshot(repository, 1, [bytes(1), bytes(2)]);
    await saveSnapshot(repository, 2, [bytes(1)]);
    const [one, other] = [await open(), await open()];
    for (const opened of [one, other]) await opened.loadIndex();
    await forgetSnapshots(repository, { keep: [], remove: [mixed] });
    expect((await prune(0)).plan.repack).not.toEqual([]);
    const id = createHash("sha256").update(bytes(1)).digest("hex");
    const removed = createHash("sha256").update(bytes(2)).digest("hex");
    expect(Buffer.compare(await one.loadBlob(id, "data"), bytes(1))).toBe(0);
    await expect(one.loadBlob(removed, "data")).rejects.toMatchObject({ code: "object-missing" });
    const reader = new BlobReader(other);
    for (let time = 0; time < 2; time++) {
      const blobs = await reader.load([id, removed], options().signal);
      expect(Buffer.compare(blobs.get(id) as Uint8Array, bytes(1))).toBe(0);
      expect(blobs.get(removed)).toMatchObject({ code: "object-missing" });
    }
    await reader.close();
    expect(await check()).toMatchObject({ errors: [] });
  });

  it("does not count on the copy in a pack that is not there", async () => {
    const { store, repository, prune, check } = await init();
    await saveSnapshot(repository, 1, [bytes(1)]);
    const lost = [...repository.index.entries()].find(({ type }) => type === "data")!.packId;
    await saveSnapshot(forgetEverything(repository), 2, [bytes(1), bytes(2)]);
    await store.delete(`data/${lost.slice(0, 2)}/${lost}`);
    expect((await check()).errors.map(({ kind }) => kind)).toEqual(["pack-missing"]);
    const { plan } = await prune();
    expect(plan.missing).toEqual([lost]);
    expect(await check()).toMatchObject({ errors: [], snapshots: 2 });
  });

  it("puts many small packs and index files together, and leaves a few alone", async () => {
    const { repository, open, prune, check } = await init();
    for (let day = 1; day <= 4; day++) await saveSnapshot(repository, day, [bytes(day)]);
    expect((await prune()).plan).toMatchObject({ repack: [], keptPacks: 8, rewrittenIndexFiles: 0 });
    for (let day = 5; day <= 12; day++) await saveSnapshot(repository, day, [bytes(day)]);
    expect(await repositoryStats(await open())).toMatchObject({ packs: 24, indexFiles: 12 });
    await prune();
    const after = await repositoryStats(await open());
    expect(after).toMatchObject({ dataBlobs: 12, treeBlobs: 12, snapshots: 12 });
    expect(after.packs).toBeLessThanOrEqual(4);
    expect(after.indexFiles).toBe(1);
    expect(await check()).toMatchObject({ errors: [], hints: [] });
  });

  it("leaves waste below the limit where it is, and moves at most what it may", async () => {
    const { repository, open, prune } = await init();
    const old = await saveSnapshot(repository, 1, [bytes(1), ...Array.from({ length: 30 }, (_, at) => bytes(100 + at))]);
    await saveSnapshot(
      repository,
      2,
      Array.from({ length: 30 }, (_, at) => bytes(100 + at)),
    );
    await forgetSnapshots(repository, { keep: [], remove: [old] });
    const { plan } = await prune(0.05);
    expect(plan.repack).toEqual([]);
    expect(plan.unusedBytesAfter).toBeGreaterThan(20_000);
    const bounded = await planPrune(await open(), { ...options(), maxUnusedRatio: 0, maxRepackBytes: 1000 });
    expect(bounded.repack).toEqual([]);
    expect((await prune(0)).plan).toMatchObject({ unusedBytesAfter: 0 });
  });

  it("empties a repository without snapshots", async () => {
    const { repository, open, prune, check } = await init();
    const only = await saveSnapshot(repository, 1, [bytes(1)]);
    await forgetSnapshots(repository, { keep: [], remove: [only] });
    await prune();
    expect(await repositoryStats(await open())).toMatchObject({ packs: 0, indexFiles: 0, storedBytes: 0, compressionRatio: 1 });
    expect(await check()).toMatchObject({ errors: [], snapshots: 0 });
  });
});

it("forgets nothing when an id is to be kept and removed, and says what it deleted", async () => {
  const { repository } = await init();
  const id = await saveSnapshot(repository, 1, [bytes(1)]);
  await expect(forgetSnapshots(repository, { keep: [id], remove: [id] })).rejects.toMatchObject({ code: "usage" });
  await expect(forgetSnapshots(repository, { keep: [], remove: ["../config"] })).rejects.toMatchObject({ code: "usage" });
  expect(await repository.listSnapshots()).toHaveLength(1);
  expect(await forgetSnapshots(repository, { keep: [], remove: [id, "f".repeat(64)] })).toEqual([id]);
  expect(await repository.listSnapshots()).toEqual([]);
});

it("removes old locks only, or all when told so", async () => {
  const { repository } = await init();
  const lock = (minutes: number) => {
    const time = new Date(fixtureClock.now() - minutes * 60_000).toISOString();
    return repository.saveUnpacked("lock", JSON.stringify({ time, exclusive: false, hostname: "h", username: "u", pid: 1 }));
  };
  const stale = await lock(31);
  const alive = await lock(29);
  expect((await unlockRepository(repository, { clock: fixtureClock })).map(({ id }) => id)).toEqual([stale]);
  expect((await unlockRepository(repository, { clock: fixtureClock, all: true })).map(({ id }) => id)).toEqual([alive]);
});
