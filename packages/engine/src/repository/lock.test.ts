import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@lifeboat/model";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openObjectStore } from "../backend/index.ts";
import { listLocks, RepositoryLock, removeLocks } from "./lock.ts";
import { initRepository } from "./open-repository.ts";
import type { Repository } from "./repository.ts";

const clock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};
const owner = { hostname: "lifeboat-test", username: "lifeboat", pid: 1 };

let folder: string;
let repository: Repository;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lifeboat-lock-"));
  const location = { url: join(folder, "repository") };
  const store = await openObjectStore(location, { clock });
  repository = await initRepository({ store, location }, "password", {
    clock,
    username: "l",
    hostname: "h",
    cost: { N: 1024, r: 8, p: 1 },
  });
});

afterEach(async () => {
  await repository.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("locks", () => {
  it("let writers side by side, and an exclusive one alone", async () => {
    const first = await RepositoryLock.acquire(repository, { exclusive: false, owner, clock });
    const second = await RepositoryLock.acquire(repository, { exclusive: false, owner, clock });
    await expect(RepositoryLock.acquire(repository, { exclusive: true, owner, clock })).rejects.toMatchObject({
      code: "repository-locked",
    });
    await first.release();
    await second.release();
    const alone = await RepositoryLock.acquire(repository, { exclusive: true, owner, clock });
    await expect(RepositoryLock.acquire(repository, { exclusive: false, owner, clock })).rejects.toMatchObject({
      code: "repository-locked",
    });
    await alone.release();
    expect(await listLocks(repository)).toEqual([]);
  });

  it("that are stored in the same moment leave one winner", async () => {
    for (const count of [2, 5]) {
      const tries = await Promise.allSettled(
        Array.from({ length: count }, () => RepositoryLock.acquire(repository, { exclusive: true, owner, clock })),
      );
      const won = tries.filter((one) => one.status === "fulfilled").map(({ value }) => value);
      expect(won).toHaveLength(1);
      expect((await listLocks(repository)).map(({ id }) => id)).toEqual([won[0]?.id]);
      for (const one of tries) if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "repository-locked" });
      await won[0]?.release();
    }
  });

  it("give way to one of stock restic that was stored in the same moment", async () => {
    const stock = { time: new Date().toISOString(), exclusive: true, ...owner, hostname: "web1.example.org" };
    const stored: string[] = [];
    // restic's lock comes between our own and the second look, whatever its id.
    const storeOnce = async () => {
      if (stored.length === 0) stored.push(await repository.saveUnpacked("lock", JSON.stringify(stock)));
    };
    const between: Clock = { ...clock, sleep: storeOnce };
    await expect(RepositoryLock.acquire(repository, { exclusive: true, owner, clock: between })).rejects.toMatchObject({
      code: "repository-locked",
    });
    expect((await listLocks(repository)).map(({ id }) => id)).toEqual(stored);
  });

  it("are renewed while the event loop is blocked", async () => {
    const lock = await RepositoryLock.acquire(repository, { exclusive: false, owner, clock, refreshMilliseconds: 100 });
    const locks = join(folder, "repository", "locks");
    const before = readdirSync(locks);
    // Nothing of this thread but this loop runs: neither timers nor promises. It ends as soon as another thread has renewed the lock.
    const pause = new Int32Array(new SharedArrayBuffer(4));
    const isRenewed = () => readdirSync(locks).some((name) => /^[0-9a-f]{64}$/.test(name) && !before.includes(name));
    for (let round = 0; round < 600 && !isRenewed(); round++) Atomics.wait(pause, 0, 0, 100);
    expect(isRenewed()).toBe(true);
    await clock.sleep(50);
    await lock.release();
    expect(await listLocks(repository)).toEqual([]);
  });

  it("are registered before they are stored and forgotten after they are gone", async () => {
    const calls: string[] = [];
    const journal = {
      register: (_: string, id: string) => calls.push(`register ${id}`),
      forget: (_: string, id: string) => calls.push(`forget ${id}`),
      abandon: (_: string, id: string) => calls.push(`abandon ${id}`),
    };
    const lock = await RepositoryLock.acquire(repository, { exclusive: false, owner, clock, journal });
    const { id } = lock;
    await lock.release();
    expect(calls).toEqual([`register ${id}`, `forget ${id}`]);
  });

  it("that cannot be removed, or perhaps not be stored, are abandoned: no living process stands for them", async () => {
    const calls: string[] = [];
    const journal = {
      register: () => {},
      forget: (_: string, id: string) => calls.push(`forget ${id}`),
      abandon: (_: string, id: string) => calls.push(`abandon ${id}`),
    };
    const lock = await RepositoryLock.acquire(repository, { exclusive: false, owner, clock, journal });
    const fail = async () => {
      throw new Error("the store is gone");
    };
    const { put } = repository.store;
    Object.assign(repository.store, { delete: fail, put: fail });
    await expect(lock.release()).rejects.toThrow("the store is gone");
    expect(calls).toEqual([`abandon ${lock.id}`]);
    await expect(RepositoryLock.acquire(repository, { exclusive: false, owner, clock, journal })).rejects.toThrow(
      "the store is gone",
    );
    expect(calls).toEqual([`abandon ${lock.id}`, expect.stringMatching(/^abandon [0-9a-f]{64}$/)]);
    Object.assign(repository.store, { put });
  });

  it("that somebody removed stay lost: none comes back by itself, and nothing is committed", async () => {
    const lock = await RepositoryLock.acquire(repository, { exclusive: false, owner, clock, refreshMilliseconds: 300 });
    await lock.assertHeld();
    await removeLocks(repository, "all");
    const rival = await RepositoryLock.acquire(repository, { exclusive: true, owner: { ...owner, hostname: "web1" }, clock });
    // Several times the pause between two renewals.
    await clock.sleep(1500);
    expect((await listLocks(repository)).map(({ id }) => id)).toEqual([rival.id]);
    await rival.release();
    await expect(lock.assertHeld()).rejects.toMatchObject({ code: "lock-lost" });
    await lock.release();
    expect(await listLocks(repository)).toEqual([]);
  });

  it("that are renewed while they are looked at are held", async () => {
    const lock = await RepositoryLock.acquire(repository, { exclusive: false, owner, clock, refreshMilliseconds: 100 });
    const ids = new Set<string>();
    for (let look = 0; look < 200 || ids.size < 4; look++) {
      await lock.assertHeld();
      ids.add(lock.id);
      await clock.sleep(5);
    }
    await lock.release();
  });

  it("that are stale go, those that are fresh stay", async () => {
    const old: Clock = { ...clock, now: () => Date.now() - 31 * 60_000 };
    const stale = await RepositoryLock.acquire(repository, { exclusive: false, owner, clock: old });
    const fresh = await RepositoryLock.acquire(repository, { exclusive: false, owner, clock });
    expect((await removeLocks(repository, { staleAt: Date.now() })).map(({ id }) => id)).toEqual([stale.id]);
    expect((await listLocks(repository)).map(({ id }) => id)).toEqual([fresh.id]);
    await fresh.release();
    await stale.release();
  });
});
