import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStore, initRepository, openObjectStore, type Repository } from "@lifeboat/engine";
import { type Clock, type CompiledConfig, silentLogger } from "@lifeboat/model";
import { parseConfig } from "@lifeboat/model/config";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runForget } from "./forget.ts";
import type { JobContext } from "./job-context.ts";
import { assertAgesAreTrusted } from "./trusted-ages.ts";

const today = Date.UTC(2026, 9, 31, 3);
const dayMs = 86_400_000;
const cheap = { username: "l", hostname: "h", cost: { N: 1024, r: 8, p: 1 } };
let folder: string;
let nowMs: number;
const clock: Clock = { now: () => nowMs, sleep: async () => {} };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lifeboat-trusted-ages-"));
  nowMs = today;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const snapshotOf = (ms: number) => ({
  time: new Date(ms).toISOString(),
  tree: "ab".repeat(32),
  paths: ["/etc"],
  tags: ["asset=web1/etc"],
});

function contextFor(retention: string): JobContext {
  const text = `version: 1
repositories: { main: { url: ${folder}, password: { env: MAIN } } }
hosts: { web1: { address: web1 } }
policies:
  web:
    hosts: [web1]
    repository: main
    schedule: { every: 24h }
    retention: ${retention}
    sources: [{ name: etc, type: files, paths: [/etc] }]
`;
  const { config } = parseConfig([{ path: "lifeboat.yaml", text }], { nowMs });
  if (config === undefined) throw new Error("the test's configuration has errors");
  return {
    config: config satisfies CompiledConfig,
    secrets: { resolve: async () => "password" },
    clock,
    logger: silentLogger,
    owner: { hostname: "lifeboat-test", username: "lifeboat", pid: 1 },
    locks: { register() {}, forget() {}, abandon() {}, deadLocks: () => [], knows: () => false },
    signal: new AbortController().signal,
    programVersion: "test",
  } as unknown as JobContext;
}

const forget = (retention: string) =>
  runForget(contextFor(retention), {
    ...{ runId: "forget/web1/etc@20261031T030000Z", attempt: 1, policy: "web", timezone: "UTC", asset: "web1/etc" },
  });

async function backUpDaily(): Promise<Repository> {
  const store = await openObjectStore({ url: folder }, { clock });
  const repository = await initRepository({ store }, "password", { clock, ...cheap });
  for (let day = 30; day > 0; day--) await repository.saveSnapshot(snapshotOf(today - day * dayMs));
  return repository;
}

it("the first backup of a clock that is years ahead takes no other snapshot with it", async () => {
  const repository = await backUpDaily();
  nowMs = Date.UTC(2030, 0, 1);
  await repository.saveSnapshot(snapshotOf(nowMs - 3_600_000));
  const { record, error } = await forget("{ within: 30d }");
  expect(record).toMatchObject({ result: "failed", code: "clock-suspect" });
  expect(error).toMatchObject({
    hint: expect.stringContaining("lifeboat snapshots forget --repo main --asset web1/etc --keep-within 30d"),
    context: { state: "nothing was forgotten in main" },
  });
  expect(await repository.listSnapshots()).toHaveLength(31);
  // Back in its own time it goes on; the one from the future stays.
  nowMs = today;
  expect((await forget("{ within: 10d }")).record).toMatchObject({ result: "passed", figures: { snapshots_removed: 20 } });
  expect(await repository.listSnapshots()).toHaveLength(11);
  await repository.close();
});

it("a store whose clock is another is believed more than this machine's", async () => {
  let there = today;
  const store = createMemoryStore({ now: () => there });
  const repository = await initRepository({ store }, "password", { clock, ...cheap });
  const remove = [await repository.saveSnapshot(snapshotOf(today - 31 * dayMs))];
  const context = contextFor("{ within: 30d }");
  const retention = context.config!.policies.get("web")!.retention!;
  const choose = (rule: typeof retention) =>
    assertAgesAreTrusted(context, repository, {
      name: "main",
      asset: "web1/etc",
      retention: rule,
      choice: { keep: [{ snapshot: { ...remove[0]!, time: new Date(today - 30 * dayMs).toISOString() }, reasons: [] }], remove },
    });
  await choose(retention);
  there = today + 59 * 60_000;
  await choose(retention);
  there = today - 20 * dayMs;
  await expect(choose(retention)).rejects.toMatchObject({
    code: "clock-suspect",
    message: expect.stringContaining("20d ahead of that of repository main"),
  });
  // Who only counts asks no clock.
  await choose({ ...retention, withinSeconds: 0, daily: 7 });
  await repository.close();
});
