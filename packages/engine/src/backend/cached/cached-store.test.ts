import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LifeboatError } from "@lifeboat/model";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256Hex } from "../../crypto/index.ts";
import { collectList, describeObjectStore, pattern } from "../contract/object-store-contract.ts";
import { injectFaults } from "../faulty/inject-faults.ts";
import { createMemoryStore } from "../memory/memory-object-store.ts";
import type { ObjectStore } from "../object-store.ts";
import { CacheFolder, type CacheOptions } from "./cache-folder.ts";
import { createCachedStore } from "./cached-store.ts";

const repositoryId = "ab".repeat(32);
const clock = { now: () => Date.now(), sleep: async () => {} };

let folder: string;
const newFolder = () => mkdtempSync(join(tmpdir(), "lifeboat-cached-"));
beforeEach(() => {
  folder = newFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describeObjectStore("memory behind a cache", async () => {
  const own = newFolder();
  const store = createCachedStore(createMemoryStore(), new CacheFolder(repositoryId, { folder: own, clock }));
  return {
    store,
    cleanup: async () => {
      await store.close();
      rmSync(own, { recursive: true, force: true });
    },
  };
});

/** Counts what reaches the store. */
function counted(store: ObjectStore): { store: ObjectStore; gets: () => number } {
  let gets = 0;
  return {
    gets: () => gets,
    store: {
      ...store,
      get: (name, options) => {
        gets++;
        return store.get(name, options);
      },
    },
  };
}

const objectsOf = (bytes: Uint8Array) => {
  const id = sha256Hex(bytes);
  return { id, index: `index/${id}`, snapshot: `snapshots/${id}`, pack: `data/${id.slice(0, 2)}/${id}` };
};

function openCached(options: Partial<CacheOptions> & { distrust?: boolean; inner?: ObjectStore } = {}) {
  const { distrust, inner = createMemoryStore(), ...others } = options;
  const beneath = counted(inner);
  const cache = new CacheFolder(repositoryId, { folder, clock, ...others });
  return { inner, gets: beneath.gets, store: createCachedStore(beneath.store, cache, { distrust }) };
}
const fileOf = (kind: string, id: string) => join(folder, repositoryId, kind, id);
const temporaries = () => readdirSync(join(folder, repositoryId)).filter((name) => name.startsWith("tmp-"));

describe("a store behind a cache", () => {
  const bytes = pattern(100_000);
  const names = objectsOf(bytes);

  it("reads an index file, a snapshot and a pack of folders once, and a pack of files each time", async () => {
    const { inner, store, gets } = openCached();
    for (const name of [names.index, names.snapshot, names.pack]) await inner.put(name, bytes);
    for (let round = 0; round < 3; round++) {
      for (const name of [names.index, names.snapshot, names.pack]) {
        expect(Buffer.from(await store.get(name, { metadata: true })).equals(bytes)).toBe(true);
      }
    }
    expect(gets()).toBe(3);
    await store.get(names.pack);
    await store.get(names.pack, { offset: 10, length: 20, metadata: true });
    expect(gets()).toBe(5);
    // A later process finds them; nobody else can read them.
    const later = openCached({ inner });
    expect(Buffer.from(await later.store.get(names.index)).equals(bytes)).toBe(true);
    expect(later.gets()).toBe(0);
    expect(statSync(fileOf("index", names.id)).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, repositoryId)).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(folder, "CACHEDIR.TAG"), "utf8")).toMatch(/^Signature: 8a477f597d28d172789f06886806bc55\n/);
  });

  it("reads into the caller's memory and keeps its bounds", async () => {
    const { inner, store, gets } = openCached();
    await inner.put(names.index, bytes);
    await store.get(names.index);
    const into = new Uint8Array(bytes.length + 10);
    const view = await store.get(names.index, { into });
    expect([view.buffer === into.buffer, Buffer.from(view).equals(bytes)]).toEqual([true, true]);
    expect(gets()).toBe(1);
    await expect(store.get(names.index, { maxBytes: 99_999 })).rejects.toMatchObject({ code: "repository-damaged" });
    await expect(store.get(names.index, { signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow("stopped");
  });

  it("keeps what it stores itself, once the store has it", async () => {
    const { store, gets } = openCached();
    await store.put(names.pack, [bytes.subarray(0, 5), bytes.subarray(5)], { sha256: names.id, metadata: true });
    await store.put(names.index, bytes, { sha256: names.id });
    expect(Buffer.from(await store.get(names.pack, { metadata: true })).equals(bytes)).toBe(true);
    await store.get(names.index);
    expect(gets()).toBe(0);

    const other = pattern(5000);
    const failed = objectsOf(other);
    const full = new LifeboatError("store-full", "full");
    const faults = [
      { name: "full", operation: "put", prefix: "index/", at: 1, effect: { kind: "fail", error: () => full } },
    ] as const;
    const broken = openCached({ inner: injectFaults(createMemoryStore(), faults) });
    await expect(broken.store.put(failed.index, other, { sha256: failed.id })).rejects.toBe(full);
    expect([existsSync(fileOf("index", failed.id)), temporaries()]).toEqual([false, []]);
  });

  it("keeps nothing whose name is not its hash", async () => {
    const { inner, store, gets } = openCached();
    const wrong = objectsOf(pattern(10));
    await inner.put(wrong.index, bytes);
    for (let round = 0; round < 2; round++) expect(await store.get(wrong.index)).toEqual(bytes);
    await store.put(names.snapshot, bytes, { sha256: wrong.id });
    expect([gets(), existsSync(fileOf("index", wrong.id)), existsSync(fileOf("snapshots", names.id))]).toEqual([2, false, false]);
  });

  const cleared = (path: string) => {
    rmSync(path);
    return path;
  };
  const damages: [name: string, damage: (path: string) => void][] = [
    ["a flipped bit", (path) => writeFileSync(path, Buffer.from(bytes).fill(bytes[500]! ^ 1, 500, 501))],
    ["a truncated file", (path) => writeFileSync(path, bytes.subarray(0, 99_999))],
    ["an empty file", (path) => writeFileSync(path, "")],
    ["a file that goes on behind its end", (path) => writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(1)]))],
    ["a file without an end", (path) => execFileSync("truncate", ["--size=100G", path])],
    ["other, well-formed bytes", (path) => writeFileSync(path, pattern(77))],
    ["a folder", (path) => mkdirSync(join(cleared(path), "in it"), { recursive: true })],
    ["a pipe that nobody writes into", (path) => execFileSync("mkfifo", [cleared(path)])],
    ["a link to a file", (path) => symlinkSync("/etc/passwd", cleared(path))],
    ["a link to a device", (path) => symlinkSync("/dev/zero", cleared(path))],
  ];
  it.each(damages)("passes over %s and puts the right one in its place", async (_, damage) => {
    const { inner, store } = openCached();
    await inner.put(names.index, bytes);
    await store.get(names.index);
    damage(fileOf("index", names.id));
    const later = openCached({ inner });
    expect(Buffer.from(await later.store.get(names.index)).equals(bytes)).toBe(true);
    expect(later.gets()).toBe(1);
    const last = openCached({ inner });
    expect(Buffer.from(await last.store.get(names.index)).equals(bytes)).toBe(true);
    expect(last.gets()).toBe(0);
    expect(existsSync("/etc/passwd")).toBe(true);
  });

  it("forgets what the repository no longer lists, and what it deletes", async () => {
    const { inner, store, gets } = openCached();
    const others = [1, 2, 3].map((length) => pattern(length));
    for (const other of others) await inner.put(objectsOf(other).snapshot, other);
    for (const other of others) await store.get(objectsOf(other).snapshot);
    const [first, second, third] = others.map((other) => objectsOf(other));
    await inner.delete(first!.snapshot);
    const listing = store.list("snapshots/");
    for await (const _ of listing) break;
    expect(existsSync(fileOf("snapshots", first!.id)), "a listing that was broken off").toBe(true);
    expect(await collectList(store, "snapshots/")).toHaveLength(2);
    expect(readdirSync(join(folder, repositoryId, "snapshots")).sort()).toEqual([second!.id, third!.id].sort());
    await store.delete(second!.snapshot);
    expect(readdirSync(join(folder, repositoryId, "snapshots"))).toEqual([third!.id]);
    await expect(store.get(second!.snapshot)).rejects.toMatchObject({ code: "object-missing" });
    expect(gets()).toBe(4);
  });

  it("with distrust reads each object from the store once, and what stood there before not at all", async () => {
    const { inner, store } = openCached();
    await inner.put(names.index, bytes);
    await store.get(names.index);
    const judge = openCached({ inner, distrust: true });
    for (let round = 0; round < 3; round++) await judge.store.get(names.index);
    expect(judge.gets()).toBe(1);
    await inner.put(names.index, pattern(9));
    const later = openCached({ inner, distrust: true });
    expect(await later.store.get(names.index)).toEqual(pattern(9));
    expect(Buffer.from(await openCached({ inner }).store.get(names.index)).equals(bytes), "the whole one is kept").toBe(true);
  });
});

describe("a cache that cannot be kept", () => {
  const bytes = pattern(60_000);
  const names = objectsOf(bytes);
  const readsOn = async (options: Partial<CacheOptions>) => {
    const problems: string[] = [];
    const { inner, store, gets } = openCached({ ...options, onProblem: (reason) => problems.push(reason) });
    await inner.put(names.index, bytes);
    for (let round = 0; round < 3; round++) expect(Buffer.from(await store.get(names.index)).equals(bytes)).toBe(true);
    await store.put(names.snapshot, bytes, { sha256: names.id });
    expect(await store.get(names.snapshot)).toEqual(bytes);
    await store.delete(names.snapshot);
    expect(await collectList(store, "index/")).toHaveLength(1);
    expect(gets()).toBe(4);
    expect(problems, "told once").toHaveLength(1);
    return problems[0];
  };

  it("a file stands in its place", async () => {
    writeFileSync(join(folder, "file"), "");
    expect(await readsOn({ folder: join(folder, "file", "below") })).toContain("ENOTDIR");
  });

  it("its file system is full or read-only", async (context) => {
    const place = join(folder, "full");
    mkdirSync(place);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k,mode=700", "tmpfs", place], { stdio: "pipe" });
    } catch {
      context.skip("needs the right to mount a file system: run as root");
    }
    try {
      expect(await readsOn({ folder: place })).toContain("ENOSPC");
      expect(readdirSync(join(place, repositoryId)).filter((name) => name !== "index")).toEqual([]);
      execFileSync("mount", ["-o", "remount,ro", place]);
      rmSync(join(folder, "other"), { recursive: true, force: true });
      const { inner, store } = openCached({ folder: place });
      await inner.put(names.index, bytes);
      expect(await store.get(names.index)).toEqual(bytes);
    } finally {
      execFileSync("umount", [place]);
    }
  });

  it("others can write into it, or it is a link", async () => {
    mkdirSync(join(folder, repositoryId));
    chmodSync(join(folder, repositoryId), 0o777);
    expect(await readsOn({})).toContain("only this account");
    rmSync(join(folder, repositoryId), { recursive: true });
    const elsewhere = newFolder();
    symlinkSync(elsewhere, join(folder, repositoryId));
    expect(await readsOn({})).toContain("only this account");
    rmSync(join(folder, repositoryId));
    mkdirSync(join(folder, repositoryId), { mode: 0o700 });
    symlinkSync(elsewhere, join(folder, repositoryId, "index"));
    expect(await readsOn({})).toContain("not a folder");
    expect(readdirSync(elsewhere)).toEqual([]);
    rmSync(elsewhere, { recursive: true });
  });

  it("holds as much as it may; the next run makes room by what was of no use for the longest time", async () => {
    const { inner, store, gets } = openCached({ maxBytes: 100_000 });
    const all = [1, 2, 3, 4].map((number) => pattern(30_000 + number));
    for (const one of all) await inner.put(objectsOf(one).index, one);
    for (const one of all) await store.get(objectsOf(one).index);
    for (const one of all.slice(0, 3)) await store.get(objectsOf(one).index);
    expect([gets(), readdirSync(join(folder, repositoryId, "index")).length]).toEqual([4, 3]);
    const old = new Date(Date.now() - 3 * 24 * 3600_000);
    const [first, second, third] = all.map((one) => fileOf("index", objectsOf(one).id));
    for (const path of [first!, second!, third!]) utimesSync(path, old, old);
    const later = openCached({ inner, maxBytes: 70_000 });
    // The first is of use now; room is made when something is to be kept.
    await later.store.get(objectsOf(all[0]!).index);
    await later.store.get(objectsOf(all[3]!).index);
    expect(existsSync(first!)).toBe(true);
    expect([existsSync(second!), existsSync(third!)].filter(Boolean)).toHaveLength(0);
    expect(later.gets()).toBe(1);
  });

  it("what killed runs and repositories of long ago left goes, and nothing else", async () => {
    const old = new Date(Date.now() - 61 * 24 * 3600_000);
    const forgotten = join(folder, "cd".repeat(32));
    const young = join(folder, "ef".repeat(32));
    const strange = join(folder, "restic-0.18");
    for (const path of [forgotten, young, strange]) mkdirSync(join(path, "index"), { recursive: true });
    for (const path of [forgotten, strange]) utimesSync(path, old, old);
    mkdirSync(join(folder, repositoryId), { mode: 0o700 });
    writeFileSync(join(folder, repositoryId, "tmp-0011"), "half");
    utimesSync(join(folder, repositoryId, "tmp-0011"), old, old);
    writeFileSync(join(folder, repositoryId, "tmp-0022"), "at work");
    const { inner, store } = openCached();
    await inner.put(names.index, bytes);
    await store.get(names.index);
    expect([forgotten, young, strange].map((path) => existsSync(path))).toEqual([false, true, true]);
    expect(temporaries()).toEqual(["tmp-0022"]);
  });
});
