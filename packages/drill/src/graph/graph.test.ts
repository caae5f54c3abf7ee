import { describe, expect, it } from "vitest";
import { testClock } from "../test-shop/test-shop.ts";
import { type NodeOutcome, runGraph } from "./run-graph.ts";
import { withTimeout } from "./with-timeout.ts";

async function run(needs: Record<string, string[]>, stops: string[] = [], limit = 8) {
  const log: string[] = [];
  let running = 0;
  let most = 0;
  const nodes = Object.entries(needs).map(([id, list]) => ({ id, needs: list, value: undefined }));
  await runGraph(nodes, {
    limit,
    run: async ({ id }): Promise<NodeOutcome> => {
      most = Math.max(most, ++running);
      log.push(id);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return stops.includes(id) ? "stop" : "go";
    },
    skip: ({ id }, missing) => log.push(`-${id}(${missing})`),
  });
  return { log, most };
}

describe("runGraph", () => {
  it("runs each node after what it needs, in parallel up to the limit", async () => {
    const needs = { c: ["a", "b"], a: [], b: [], d: ["c"], e: [] };
    const { log, most } = await run(needs);
    expect(most).toBe(3);
    for (const [id, list] of Object.entries(needs))
      for (const need of list) expect(log.indexOf(need)).toBeLessThan(log.indexOf(id));
    expect((await run(needs, [], 1)).most).toBe(1);
  });

  it("skips all that stands behind a stop, whatever the order of the list", async () => {
    const { log } = await run({ d: ["c"], c: ["a"], a: [], b: [] }, ["a"]);
    expect(log).toEqual(["a", "b", "-c(a)", "-d(c)"]);
  });
});

describe("withTimeout", () => {
  it("gives up on work that ignores its signal, with the timeout as the reason", async () => {
    let now = 0;
    const sleep = async (milliseconds: number) => {
      now += milliseconds;
    };
    const clock = { now: () => now, sleep };
    const hanging = withTimeout(clock, 3, "step x", new AbortController().signal, () => new Promise(() => {}));
    await expect(hanging).rejects.toMatchObject({ code: "drill-timeout", message: "step x was not done after 3 s" });
  });

  it("gives the parent's reason when that aborts, and the work's own error otherwise", async () => {
    const parent = new AbortController();
    const work = withTimeout(testClock, 60, "x", parent.signal, (signal) => testClock.sleep(60_000, signal));
    parent.abort(new Error("stopped"));
    await expect(work).rejects.toThrow("stopped");
    const own = withTimeout(testClock, 60, "x", new AbortController().signal, () => Promise.reject(new Error("own")));
    await expect(own).rejects.toThrow("own");
  });
});
