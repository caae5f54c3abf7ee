import { createMemoryStore, initRepository, injectFaults, openRepository } from "@lifeboat/engine";
import type { Clock } from "@lifeboat/model";
import { expect, it } from "vitest";
import { copyToRepository } from "./copy-to-repository.ts";
import type { JobContext } from "./job-context.ts";

const clock: Clock = { now: () => Date.UTC(2026, 10, 22), sleep: async () => {} };
const context = { clock, signal: new AbortController().signal } as unknown as JobContext;
const names = { username: "l", hostname: "h", cost: { N: 1024, r: 8, p: 1 } };

it("reads records once in a process's life, however often it copies; what is new or gone is seen", async () => {
  const stores = [createMemoryStore(), createMemoryStore()] as const;
  for (const store of stores) await (await initRepository({ store }, "password", { clock, ...names })).close();
  const copy = async () => {
    const counted = stores.map((store) => injectFaults(store, []));
    const [source, destination] = await Promise.all(counted.map((store) => openRepository({ store }, "password")));
    const order = { context, source: source!, destination: destination!, snapshots: [], beforeCommit: async () => {} };
    const { side } = await copyToRepository({ ...order, side: "all" });
    const reads = counted.flatMap(({ operations }) => operations.filter((each) => /^get .*lifeboat\/v1\/run/.test(each)));
    return { copied: side.copied, reads: reads.length, source: source!, destination: destination! };
  };
  const { source } = await copy();
  for (let at = 0; at < 5; at++)
    await source.saveSide("run", { schema: "lifeboat.run/1", id: `backup/web1/pages@${at}` } as never);
  expect(await copy()).toMatchObject({ copied: 5, reads: 5 });
  const { destination, ...again } = await copy();
  expect(again).toMatchObject({ copied: 0, reads: 0 });
  await source.saveSide("run", { schema: "lifeboat.run/1", id: "backup/web1/pages@new" } as never);
  expect(await copy()).toMatchObject({ copied: 1, reads: 1 });
  const [lost] = await destination.listSide("run");
  await stores[1].delete(`lifeboat/v1/run/${lost}`);
  expect(await copy()).toMatchObject({ copied: 1, reads: 1 });
});
