import { mkdtempSync, rmSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initRepository, openObjectStore, type Repository, RepositoryLock } from "@lifeboat/engine";
import { type Clock, LifeboatError, silentLogger } from "@lifeboat/model";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JobContext } from "./job-context.ts";
import { withLock, withLockAndView } from "./with-lock.ts";

const settleMilliseconds = 200;
const owner = { hostname: "lifeboat-test", username: "lifeboat", pid: 1 };
const locks = { register() {}, forget() {}, abandon() {}, deadLocks: () => [], knows: () => false };

let folder: string;
let repository: Repository;
/** What somebody else does while our lock settles; once. */
let meanwhile: (() => Promise<void>) | undefined;
let pauses: number;

const clock: Clock = {
  now: () => Date.now(),
  async sleep(milliseconds) {
    if (milliseconds !== settleMilliseconds) pauses++;
    const work = meanwhile;
    meanwhile = undefined;
    await work?.();
  },
};

function context(signal = new AbortController().signal): JobContext {
  return { clock, owner, locks, logger: silentLogger, signal } as unknown as JobContext;
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lifeboat-with-lock-"));
  meanwhile = undefined;
  pauses = 0;
  const store = await openObjectStore({ url: folder }, { clock });
  const names = { username: "l", hostname: "h" };
  repository = await initRepository({ store }, "password", { clock, ...names, cost: { N: 1024, r: 8, p: 1 } });
  await repository.saveUnpacked("index", JSON.stringify({ packs: [] }));
});

afterEach(async () => {
  await repository.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Reads the index and counts how often. */
function reading() {
  const views: Repository[] = [];
  const read = async (view: Repository, signal: AbortSignal): Promise<number> => {
    views.push(view);
    await view.loadIndex({ signal });
    return views.length;
  };
  return { views, read };
}

const namesOfIndex = () => readdir(join(folder, "index"));

describe("what is read while a lock settles", () => {
  it("counts when nobody was in the way", async () => {
    const { views, read } = reading();
    const got = await withLockAndView(context(), repository, { read }, async (lock, view, found) => {
      await lock.assertHeld();
      expect(view).toBe(views[0]);
      return found;
    });
    expect(got).toBe(1);
    expect(await readdir(join(folder, "locks"))).toEqual([]);
  });

  it("is read again when an index file has gone meanwhile, as after a prune that came to its end", async () => {
    const { views, read } = reading();
    meanwhile = async () => {
      // What we have read by now names it.
      while (views[0]?.indexIds.size !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
      const [old] = await namesOfIndex();
      await repository.saveUnpacked("index", JSON.stringify({ packs: [], supersedes: [] }));
      await rm(join(folder, "index", old!));
    };
    const got = await withLockAndView(context(), repository, { read }, async (_, view, found) => {
      expect([...view.indexIds]).toEqual(await namesOfIndex());
      return found;
    });
    expect(got).toBe(2);
    expect(views[1]).not.toBe(views[0]);
  });

  it("still counts when an index file has come", async () => {
    const { views, read } = reading();
    meanwhile = async () => {
      while (views[0]?.indexIds.size !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
      await repository.saveUnpacked("index", JSON.stringify({ packs: [], supersedes: [] }));
    };
    expect(await withLockAndView(context(), repository, { read }, async (_lock, _view, found) => found)).toBe(1);
  });

  it("is read again when it could not be read: somebody who was alone may have removed it", async () => {
    let times = 0;
    const read = async () => {
      times++;
      if (times === 1) throw new LifeboatError("object-missing", "it is gone");
      return "found";
    };
    expect(await withLockAndView(context(), repository, { read }, async (_lock, _view, found) => found)).toBe("found");
    const failing = () => Promise.reject(new LifeboatError("repository-damaged", "it is damaged"));
    await expect(withLockAndView(context(), repository, { read: failing }, async () => "done")).rejects.toMatchObject({
      code: "repository-damaged",
    });
  });

  it("is read again when who has read it does not believe it any more", async () => {
    const { read } = reading();
    const isStillThere = async (found: number) => found > 1;
    expect(await withLockAndView(context(), repository, { read, isStillThere }, async (_lock, _view, found) => found)).toBe(2);
  });

  it("is thrown away when the lock was not to be had, and stops", async () => {
    const stock = { time: new Date().toISOString(), exclusive: true, ...owner, hostname: "web1.example.org" };
    let stopped = 0;
    let times = 0;
    const read = async (_: Repository, signal: AbortSignal) => {
      times++;
      // The first one would read for ever.
      if (times === 1) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      if (signal.aborted) stopped++;
      return times;
    };
    meanwhile = async () => {
      const id = await repository.saveUnpacked("lock", JSON.stringify(stock));
      // Gone when we try again, a second later.
      meanwhile = () => rm(join(folder, "locks", id));
    };
    expect(await withLockAndView(context(), repository, { read }, async (_lock, _view, found) => found)).toBe(2);
    expect({ stopped, pauses }).toEqual({ stopped: 1, pauses: 1 });
    expect(await readdir(join(folder, "locks"))).toEqual([]);
  });

  it("leaves no lock behind when the run is stopped", async () => {
    const stop = new AbortController();
    const { read } = reading();
    meanwhile = async () => {
      stop.abort(new LifeboatError("cancelled", "stopped"));
    };
    const run = withLockAndView(context(stop.signal), repository, { read }, async (lock) => {
      await lock.assertHeld();
      stop.signal.throwIfAborted();
    });
    await expect(run).rejects.toMatchObject({ code: "cancelled" });
    expect(await readdir(join(folder, "locks"))).toEqual([]);
  });
});

it("a lock that was there at the first look and has gone is in nobody's way", async () => {
  const dead = { time: new Date(Date.now() - 3_600_000).toISOString(), exclusive: true, ...owner, hostname: "web1.example.org" };
  const id = await repository.saveUnpacked("lock", JSON.stringify(dead));
  const { get } = repository.store;
  // Another run removes it as soon as we have seen it.
  const removing = async (...[name, options]: Parameters<typeof get>) => {
    const bytes = await get(name, options);
    if (name === `locks/${id}`) await rm(join(folder, "locks", id), { force: true });
    return bytes;
  };
  Object.assign(repository.store, { get: removing });
  expect(await withLock(context(), repository, false, async (lock) => lock instanceof RepositoryLock)).toBe(true);
});
