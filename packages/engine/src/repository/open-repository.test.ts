import type { Clock } from "@lifeboat/model";
import { expect, it } from "vitest";
import { createMemoryStore } from "../backend/index.ts";
import { initRepository, openRepository } from "./open-repository.ts";

const clock: Clock = { now: () => Date.now(), sleep: async () => {} };
const options = { clock, username: "test", hostname: "test", cost: { N: 1024, r: 8, p: 1 } };

it("asks for the right password and the key each time, also when it has derived the key before", async () => {
  const store = createMemoryStore();
  await initRepository({ store }, "right", options);
  const first = await openRepository({ store }, "right");
  const second = await openRepository({ store }, "right");
  expect(second.config).toEqual(first.config);
  await expect(openRepository({ store }, "wrong")).rejects.toMatchObject({ code: "wrong-password" });
  for await (const { name } of store.list("keys/")) await store.delete(name);
  await expect(openRepository({ store }, "right")).rejects.toMatchObject({ code: "repository-damaged" });
});
