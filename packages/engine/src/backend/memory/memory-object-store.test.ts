import { expect, it } from "vitest";
import { describeObjectStore, pattern } from "../contract/object-store-contract.ts";
import { createMemoryStore } from "./memory-object-store.ts";

describeObjectStore("memory", async () => {
  const store = createMemoryStore();
  return { store, cleanup: () => store.close() };
});

it("keeps its own copy: the caller may use the array again", async () => {
  const store = createMemoryStore({ now: () => 1234 });
  const bytes = pattern(10);
  await store.put("config", bytes);
  bytes.fill(0);
  expect(await store.get("config")).toEqual(pattern(10));
  expect(await store.stat("config")).toEqual({ name: "config", size: 10, modified: 1234 });
  expect(await store.serverTime?.()).toBe(1234);
});
