import { type Clock, LifeboatError } from "@lifeboat/model";
import { describe, expect, it } from "vitest";
import {
  collectList,
  collectStream,
  describeObjectStore,
  expectCode,
  pattern,
  sameBytes,
} from "../contract/object-store-contract.ts";
import { type Fault, injectFaults } from "../faulty/inject-faults.ts";
import { createMemoryStore } from "../memory/memory-object-store.ts";
import { type RetryEvent, type RetryOptions, withRetry } from "./with-retry.ts";

/** Sleeping moves it on, nothing else does. */
function createTestClock() {
  let nowMs = 1_000_000;
  const clock: Clock = {
    now: () => nowMs,
    sleep: async (milliseconds, signal) => {
      signal?.throwIfAborted();
      nowMs += milliseconds;
    },
  };
  return clock;
}

function setUp(faults: readonly Fault[], options: Partial<RetryOptions> = {}) {
  const memory = createMemoryStore();
  const faulty = injectFaults(memory, faults);
  const events: RetryEvent[] = [];
  const clock = createTestClock();
  const store = withRetry(faulty, { clock, random: () => 0.5, onRetry: (event) => events.push(event), ...options });
  return { memory, faulty, events, clock, store };
}

const unreachable = () => new LifeboatError("store-unreachable", "nobody answers");

describeObjectStore("with retry around memory", async () => {
  const store = withRetry(createMemoryStore(), { clock: createTestClock(), random: () => 0.5 });
  return { store, cleanup: () => store.close() };
});

describe("retry", () => {
  it("does every operation again until it succeeds, and the caller sees nothing of it", async () => {
    const fail = { kind: "fail" } as const;
    const { memory, faulty, events, store } = setUp([
      { name: "a write fails twice", operation: "put", at: 1, times: 2, effect: fail },
      { name: "a write's answer is lost", operation: "put", at: 4, effect: { kind: "fail-after" } },
      { name: "a read fails", operation: "get", at: 1, effect: fail },
      { name: "a look fails", operation: "stat", at: 1, effect: fail },
      { name: "a stream does not open", operation: "getStream", at: 1, effect: fail },
      { name: "a deletion's answer is lost", operation: "delete", at: 1, effect: { kind: "fail-after" } },
    ]);
    await store.put("data/one", [pattern(10), pattern(20)]);
    await store.put("data/two", pattern(30));
    expect((await memory.get("data/one")).length).toBe(30);
    expect(sameBytes(await store.get("data/two"), pattern(30))).toBe(true);
    expect(await store.stat("data/two")).toMatchObject({ size: 30 });
    expect(await collectStream(await store.getStream("data/two"))).toHaveLength(30);
    await store.delete("data/two");
    expect(await memory.stat("data/two")).toBeUndefined();
    expect(events.map((event) => event.what)).toEqual([
      "put data/one",
      "put data/one",
      "put data/two",
      "get data/two",
      "stat data/two",
      "get data/two",
      "delete data/two",
    ]);
    faulty.verifyAllFaultsExercised();
  });

  it("waits longer each time, up to a minute, and gives up after ten tries with the cause and the count", async () => {
    const { clock, events, store } = setUp([{ name: "down", operation: "get", at: 1, times: 99, effect: { kind: "fail" } }]);
    const began = clock.now();
    const error = await store.get("config").catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "store-failed", retry: "later", context: { tries: 10 } });
    expect((error as Error).message).toMatch(/injected fault: get config \(10 tries in 184 s\)/);
    expect(events.map((event) => event.waitMs)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect(clock.now() - began).toBe(183_500);
  });

  it("spreads the pauses by half of their length", async () => {
    const faults: Fault[] = [{ name: "fails once", operation: "get", at: 1, effect: { kind: "fail" } }];
    for (const [random, waitMs] of [
      [0, 250],
      [0.999, 750],
    ] as const) {
      const { memory, events, store } = setUp(faults, { random: () => random });
      await memory.put("config", pattern(1));
      await store.get("config");
      expect(events.map((event) => event.waitMs)).toEqual([waitMs]);
    }
  });

  it("starts no try after its time is over", async () => {
    const { clock, events, store } = setUp([{ name: "down", operation: "get", at: 1, times: 99, effect: { kind: "fail" } }], {
      budgetMs: 10_000,
      maxTries: 1000,
    });
    const began = clock.now();
    await expectCode(store.get("config"), "store-failed");
    expect(clock.now() - began).toBeLessThanOrEqual(10_000);
    expect(events).toHaveLength(4);
  });

  it("says soon that nobody answers at an address where nobody ever has, and is patient once somebody did", async () => {
    const down: Fault[] = [{ name: "down", operation: "get", at: 1, times: 5, effect: { kind: "fail", error: unreachable } }];
    const first = setUp(down);
    await expectCode(first.store.get("config"), "store-unreachable");
    expect(first.events).toHaveLength(2);
    const second = setUp(down);
    await second.store.put("config", pattern(10));
    expect((await second.store.get("config")).length).toBe(10);
    expect(second.events).toHaveLength(5);
  });

  it("passes on at once what waiting does not mend", async () => {
    const { events, store } = setUp([
      {
        name: "refused",
        operation: "put",
        at: 1,
        effect: { kind: "fail", error: () => new LifeboatError("store-refused", "no") },
      },
      { name: "a bug", operation: "delete", at: 1, effect: { kind: "fail", error: () => new TypeError("a bug") } },
    ]);
    await expectCode(store.put("config", pattern(1)), "store-refused");
    await expectCode(store.get("config"), "object-missing");
    await expect(store.delete("config")).rejects.toThrow(TypeError);
    expect(events).toEqual([]);
  });

  it("stops waiting when it is aborted", async () => {
    const stop = new AbortController();
    const reason = new Error("stopped by the test");
    const { store } = setUp([{ name: "down", operation: "get", at: 1, times: 99, effect: { kind: "fail" } }], {
      onRetry: () => stop.abort(reason),
    });
    await expect(store.get("config", { signal: stop.signal })).rejects.toBe(reason);
  });

  it("goes on with a listing where it broke off, each name once", async () => {
    const { memory, faulty, store } = setUp([
      { name: "the listing does not begin", operation: "list", at: 1, effect: { kind: "fail" } },
      { name: "its end is lost", operation: "list", at: 2, effect: { kind: "fail-after" } },
    ]);
    for (let at = 0; at < 20; at++) await memory.put(`index/${String(at).padStart(2, "0")}`, pattern(at));
    expect((await collectList(store, "index/")).map((info) => info.size)).toEqual(Array.from({ length: 20 }, (_, at) => at));
    expect(faulty.operations).toHaveLength(3);
    faulty.verifyAllFaultsExercised();
  });

  it("goes on with a stream at the byte where it broke off", async () => {
    const bytes = pattern(1_000_000);
    for (const range of [{}, { offset: 1000 }, { offset: 1000, length: 600_000 }, { length: 200_000 }]) {
      const { memory, faulty, store } = setUp([
        { name: "the stream breaks", operation: "getStream", at: 1, times: 2, effect: { kind: "fail-after" } },
      ]);
      await memory.put("data/one", bytes);
      const start = range.offset ?? 0;
      const end = range.length === undefined ? bytes.length : start + range.length;
      expect(sameBytes(await collectStream(await store.getStream("data/one", range)), bytes.subarray(start, end))).toBe(true);
      if (range.length !== 200_000) faulty.verifyAllFaultsExercised();
    }
  });
});
