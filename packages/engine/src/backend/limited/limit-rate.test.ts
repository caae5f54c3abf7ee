import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@lifeboat/model";
import { describe, expect, it } from "vitest";
import { createBucket, startObjectStore } from "../../../../../test/services/index.ts";
import { collectStream, describeObjectStore, pattern, sameBytes } from "../contract/object-store-contract.ts";
import { createLocalStore } from "../local/local-object-store.ts";
import { createMemoryStore } from "../memory/memory-object-store.ts";
import { createS3Store } from "../s3/s3-object-store.ts";
import { createPace } from "./create-pace.ts";
import { limitRate } from "./limit-rate.ts";

/** Time stands still; `waited` is when the last piece may go. */
function stoppedClock(): Clock & { readonly waited: () => number } {
  let longest = 0;
  return {
    now: () => 0,
    sleep: async (milliseconds, signal) => {
      signal?.throwIfAborted();
      longest = Math.max(longest, milliseconds);
    },
    waited: () => longest,
  };
}

const mebibyte = 1024 * 1024;
const limitsOf = (clock: Clock) => {
  const pace = createPace({ clock, bytesPerSecond: () => mebibyte });
  return { upload: pace, download: pace };
};

describeObjectStore("memory, limited", async () => {
  const store = limitRate(createMemoryStore(), limitsOf(stoppedClock()));
  return { store, cleanup: () => store.close() };
});

describeObjectStore("local folder, limited", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-limited-store-"));
  const store = limitRate(createLocalStore({ path: folder }), limitsOf(stoppedClock()));
  return { store, cleanup: async () => rmSync(folder, { recursive: true, force: true }) };
});

describeObjectStore(
  "s3, limited",
  async () => {
    const server = await startObjectStore();
    const address = { endpoint: server.endpoint, bucket: await createBucket(server), prefix: randomUUID() };
    const bare = createS3Store({ address, credentials: server, region: server.region });
    const store = limitRate(bare, limitsOf(stoppedClock()));
    return { store, cleanup: () => store.close() };
  },
  120_000,
);

describe("a limit", () => {
  it("holds for all operations together, each direction by itself", async () => {
    const [up, down] = [stoppedClock(), stoppedClock()];
    const store = limitRate(createMemoryStore(), {
      upload: createPace({ clock: up, bytesPerSecond: () => mebibyte }),
      download: createPace({ clock: down, bytesPerSecond: () => 4 * mebibyte }),
    });
    const names = ["data/aa/1", "data/aa/2", "data/aa/3", "data/aa/4"];
    const bytes = pattern(2 * mebibyte);
    await Promise.all(names.map((name) => store.put(name, bytes)));
    // 8 MiB in 8 s; the last piece begins an eighth of a second before.
    expect(up.waited()).toBeGreaterThan(7800);
    expect(up.waited()).toBeLessThan(8000);
    expect(down.waited()).toBe(0);
    await Promise.all(names.map((name) => store.get(name)));
    expect(sameBytes(await collectStream(await store.getStream(names[0]!)), bytes)).toBe(true);
    // 10 MiB at four times the rate.
    expect(down.waited()).toBeGreaterThan(2300);
    expect(down.waited()).toBeLessThan(2500);
  });

  it("may change or end while something moves, and unused time is not made up for", async () => {
    let now = 0;
    let rate: number | undefined = mebibyte;
    const slept: number[] = [];
    const clock: Clock = {
      now: () => now,
      sleep: async (milliseconds) => {
        slept.push(milliseconds);
        now += milliseconds;
      },
    };
    const pace = createPace({ clock, bytesPerSecond: () => rate });
    await pace.take(mebibyte);
    await pace.take(mebibyte);
    expect(slept).toEqual([1000]);
    now += 60_000;
    await pace.take(mebibyte);
    await pace.take(1);
    expect(slept).toEqual([1000, 1000]);
    rate = 64 * 1024;
    expect(pace.pieceBytes()).toBe(8192);
    rate = undefined;
    await pace.take(1000 * mebibyte);
    expect(slept).toHaveLength(2);
  });

  it("lets a waiting operation be stopped", async () => {
    const stop = new AbortController();
    const clock: Clock = {
      now: () => 0,
      sleep: async (_, signal) => {
        stop.abort(new Error("stopped"));
        signal?.throwIfAborted();
      },
    };
    const store = limitRate(createMemoryStore(), { upload: createPace({ clock, bytesPerSecond: () => 1 }) });
    await expect(store.put("data/aa/slow", pattern(100_000), { signal: stop.signal })).rejects.toThrow("stopped");
    expect(await store.stat("data/aa/slow")).toBeUndefined();
  });
});
