import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@lifeboat/model";
import { afterEach, describe, expect, it } from "vitest";
import { collectList, describeObjectStore, expectCode, pattern } from "../contract/object-store-contract.ts";
import { createLocalStore } from "./local-object-store.ts";

const clock: Clock = { now: () => 1_700_000_000_000, sleep: async () => {} };
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-local-store-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
const openStore = (path: string) => createLocalStore({ path, clock });

describeObjectStore("local folder", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-local-store-"));
  const store = openStore(`${folder}/not/yet/there`);
  return { store, cleanup: async () => rmSync(folder, { recursive: true, force: true }) };
});

describe("local folder", () => {
  it("lays files out like restic: private folders, read-only files, all data folders from the start", async () => {
    const folder = makeFolder();
    const store = openStore(`${folder}/repo`);
    await store.put("config", pattern(10));
    expect(readdirSync(`${folder}/repo`).sort()).toEqual(["config", "data", "index", "keys", "locks", "snapshots"]);
    expect(readdirSync(`${folder}/repo/data`)).toHaveLength(256);
    expect(statSync(`${folder}/repo`).mode & 0o777).toBe(0o700);
    expect(statSync(`${folder}/repo/data/ff`).mode & 0o777).toBe(0o700);
    expect(statSync(`${folder}/repo/config`).mode & 0o777).toBe(0o400);
  });

  it("lets a group read what it may read already", async () => {
    const folder = makeFolder();
    writeFileSync(`${folder}/config`, "x", { mode: 0o640 });
    await openStore(folder).put("data/ab/abcd", pattern(10));
    expect(statSync(`${folder}/data/ab`).mode & 0o777).toBe(0o750);
    expect(statSync(`${folder}/data/ab/abcd`).mode & 0o777).toBe(0o440);
  });

  it("leaves nothing behind when a write is stopped, and hides what a kill left", async () => {
    const folder = makeFolder();
    const store = openStore(folder);
    await store.put("data/ab/abcd", pattern(10));
    const stop = new AbortController();
    const stopped = store.put("data/ab/stopped", [pattern(1), pattern(30_000_000)], { signal: stop.signal });
    stop.abort(new Error("stopped"));
    await expect(stopped).rejects.toThrow("stopped");
    expect(readdirSync(`${folder}/data/ab`)).toEqual(["abcd"]);
    writeFileSync(`${folder}/data/ab/abce-tmp-12345`, "half");
    expect((await collectList(store, "data/")).map((info) => info.name)).toEqual(["data/ab/abcd"]);
  });

  it("follows a data folder that lies on another disk, and does not go round in circles", async () => {
    const folder = makeFolder();
    const other = makeFolder();
    mkdirSync(`${other}/ab`);
    writeFileSync(`${other}/ab/abcd`, "12345");
    symlinkSync(other, `${folder}/data`);
    expect(await collectList(openStore(folder), "data/")).toMatchObject([{ name: "data/ab/abcd", size: 5 }]);
    symlinkSync(other, `${other}/loop`);
    expect((await collectList(openStore(folder), "data/")).length).toBeLessThan(20);
  });

  it("says store-full when the disk is full, and keeps the older objects", async ({ skip }) => {
    const folder = makeFolder();
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]).status !== 0) skip("mounting a tmpfs needs root");
    cleanups.unshift(() => spawnSync("umount", [folder]));
    const store = openStore(`${folder}/repo`);
    await store.put("data/ab/first", pattern(1_000_000));
    await expectCode(store.put("data/ab/second", pattern(4_000_000)), "store-full");
    expect(readdirSync(`${folder}/repo/data/ab`)).toEqual(["first"]);
    expect((await store.get("data/ab/first")).length).toBe(1_000_000);
  });

  it("says store-refused where it may not write", async ({ skip }) => {
    const folder = makeFolder();
    if (process.getuid?.() !== 0) {
      chmodSync(folder, 0o500);
    } else {
      // Rights do not stop root; a file system mounted read-only does.
      if (spawnSync("mount", ["-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", folder]).status !== 0) skip("mounting a tmpfs failed");
      cleanups.unshift(() => spawnSync("umount", [folder]));
    }
    await expectCode(openStore(folder).put("config", pattern(10)), "store-refused");
  });

  it("tells the clock's time", async () => {
    expect(await openStore(makeFolder()).serverTime?.()).toBe(1_700_000_000_000);
  });
});
