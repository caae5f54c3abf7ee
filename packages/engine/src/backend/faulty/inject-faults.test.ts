import { describe, expect, it } from "vitest";
import { collectStream, describeObjectStore, expectCode, pattern, sameBytes } from "../contract/object-store-contract.ts";
import { createMemoryStore } from "../memory/memory-object-store.ts";
import { injectFaults } from "./inject-faults.ts";

describeObjectStore("faulty around memory, without faults", async () => {
  const store = injectFaults(createMemoryStore(), []);
  return { store, cleanup: () => store.close() };
});

describe("injected faults", () => {
  it("fire at the operation they are meant for, and nowhere else", async () => {
    const memory = createMemoryStore();
    const store = injectFaults(memory, [
      { name: "second pack", operation: "put", prefix: "data/", at: 2, effect: { kind: "fail" } },
      { name: "lost answer", operation: "put", prefix: "index/", at: 1, effect: { kind: "fail-after" } },
    ]);
    await store.put("data/1", pattern(1));
    await expectCode(store.put("data/2", pattern(2)), "store-failed");
    await store.put("data/3", pattern(3));
    await expectCode(store.put("index/1", pattern(4)), "store-failed");
    expect(await memory.stat("data/2")).toBeUndefined();
    expect(await memory.stat("index/1")).toBeDefined();
    expect(store.operations).toEqual(["put data/1", "put data/2", "put data/3", "put index/1"]);
    store.verifyAllFaultsExercised();
  });

  it("damage what is read and what is stored", async () => {
    const memory = createMemoryStore();
    const store = injectFaults(memory, [
      { name: "bad read", operation: "get", at: 1, effect: { kind: "flip-bit", byte: -1 } },
      { name: "short read", operation: "get", at: 2, effect: { kind: "cut", afterBytes: 10 } },
      { name: "bad stream", operation: "getStream", at: 1, effect: { kind: "flip-bit", byte: 3 } },
      { name: "short stream", operation: "getStream", at: 2, effect: { kind: "cut", afterBytes: 10 } },
      { name: "torn write", operation: "put", prefix: "torn", at: 1, effect: { kind: "cut", afterBytes: 5 } },
      { name: "bad write", operation: "put", prefix: "bad", at: 1, effect: { kind: "flip-bit", byte: 0 } },
    ]);
    const bytes = pattern(100);
    await store.put("whole", bytes);
    expect((await store.get("whole"))[99]).toBe(bytes[99]! ^ 1);
    expect((await store.get("whole")).length).toBe(10);
    expect((await collectStream(await store.getStream("whole")))[3]).toBe(bytes[3]! ^ 1);
    expect((await collectStream(await store.getStream("whole"))).length).toBe(10);
    expect(sameBytes(await memory.get("whole"), pattern(100))).toBe(true);
    await expectCode(store.put("torn", bytes), "store-failed");
    expect((await memory.get("torn")).length).toBe(5);
    await store.put("bad", bytes);
    expect((await memory.get("bad"))[0]).toBe(bytes[0]! ^ 1);
    expect(sameBytes(bytes, pattern(100))).toBe(true);
    store.verifyAllFaultsExercised();
  });

  it("call back before the operation", async () => {
    const memory = createMemoryStore();
    const seen: (string | boolean)[] = [];
    const store = injectFaults(memory, [
      {
        name: "look around",
        operation: "any",
        at: 1,
        effect: { kind: "call", call: async (name) => void seen.push(name, (await memory.stat(name)) === undefined) },
      },
    ]);
    await store.put("config", pattern(1));
    expect(seen).toEqual(["config", true]);
  });

  it("fail the test when they never fired", async () => {
    const store = injectFaults(createMemoryStore(), [
      { name: "never comes", operation: "put", at: 2, effect: { kind: "fail" } },
      { name: "comes half", operation: "put", at: 1, times: 2, effect: { kind: "fail" } },
    ]);
    await expectCode(store.put("config", pattern(1)), "store-failed");
    expect(() => store.verifyAllFaultsExercised()).toThrow(
      /"never comes" fired 0 of 1 times \(1 matched\), "comes half" fired 1 of 2/,
    );
  });
});
