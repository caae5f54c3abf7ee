import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "@lifeboat/model";
import { expect, it } from "vitest";
import { createMemoryStore, type ObjectStore } from "../backend/index.ts";
import { initRepository, openRepository } from "./open-repository.ts";

const clock: Clock = { now: () => Date.now(), sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }) };
const options = { clock, username: "test", hostname: "test", cost: { N: 1024, r: 8, p: 1 } };

/** Each write and listing takes a while, as over a network. */
function slowed(store: ObjectStore, seed: number): ObjectStore {
  let state = seed;
  const pause = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return sleep((state >> 8) % 12);
  };
  return {
    ...store,
    stat: async (...args) => {
      await pause();
      return store.stat(...args);
    },
    put: async (...args) => {
      await pause();
      await store.put(...args);
      await pause();
    },
    async *list(...args) {
      await pause();
      yield* store.list(...args);
    },
  };
}

it("is created once, however many create it at the same time", async () => {
  const firstSeed = randomInt(1, 1e9);
  for (let round = 0; round < 5; round++) {
    const store = createMemoryStore();
    const seeds = Array.from({ length: 4 }, (_, at) => firstSeed + 100 * round + at);
    const results = await Promise.allSettled(
      seeds.map((seed) => initRepository({ store: slowed(store, seed) }, "a password", options)),
    );
    const made = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const codes = results.flatMap((result) => (result.status === "rejected" ? [result.reason.code] : []));
    expect(codes, `seeds from ${firstSeed}`).toEqual(["repository-exists", "repository-exists", "repository-exists"]);
    const opened = await openRepository({ store }, "a password");
    expect(opened.config, `seeds from ${firstSeed}`).toEqual(made[0]?.config);
    const keys: string[] = [];
    for await (const { name } of store.list("keys/")) keys.push(name);
    expect(keys).toHaveLength(1);
  }
});

it("is created also where a kill has left a key alone, after it was sure that nobody is at work", async () => {
  const store = createMemoryStore();
  const left = `keys/${"0".repeat(64)}`;
  await store.put(left, new TextEncoder().encode("{}"));
  let now = 0;
  const jumping: Clock = {
    now: () => now,
    sleep: async (milliseconds) => {
      now += milliseconds;
    },
  };
  await initRepository({ store }, "a password", { ...options, clock: jumping });
  expect(now).toBeGreaterThanOrEqual(15_000);
  expect(await store.stat(left)).toBeUndefined();
  await openRepository({ store }, "a password");
});
