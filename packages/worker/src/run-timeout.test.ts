import { RepositoryLock } from "@lifeboat/engine";
import { realClock } from "@lifeboat/host";
import { openChosenRepository } from "@lifeboat/jobs";
import { type Clock, silentLogger } from "@lifeboat/model";
import { openQueue } from "@lifeboat/queue";
import { expect, onTestFinished, test, vi } from "vitest";
import { startRedis } from "../../../test/services/index.ts";
import { timeoutSecondsOf } from "./run-timeout.ts";
import { startWorker } from "./start-worker.ts";
import { createScene, hourMs } from "./test-scene.ts";

const more = `drills:
  home:
    deadline: 3h
    targets: { dir: { type: directory, path: "/tmp/{run}" } }
    steps: [{ id: files, restore: { asset: web1/pages, to: dir } }]
    checks: [{ id: hashes, after: files, type: file_hash }]
`;

test("every run but a restore ends at some time: by its policy, else by what no sound one needs", async () => {
  const { worker } = await createScene({ policy: "    timeout: 5h\n", more });
  const { config } = worker;
  const hoursOf = (kind: Parameters<typeof timeoutSecondsOf>[1]["kind"], object: string, policy: string | null = null) =>
    (timeoutSecondsOf(config, { kind, object, policy }) ?? Number.POSITIVE_INFINITY) / 3600;
  expect([hoursOf("backup", "web1/pages", "web"), hoursOf("forget", "web1/pages", "web")]).toEqual([5, 5]);
  expect([hoursOf("prune", "main"), hoursOf("check", "main"), hoursOf("backup", "web1/old", "gone")]).toEqual([48, 24, 24]);
  const main = { ...config.repositories.get("main")!, check: { readData: true } as never };
  const reading = { ...config, repositories: new Map([["main", main]]) };
  expect(timeoutSecondsOf(reading, { kind: "check", object: "main", policy: null })).toBe(14 * 24 * 3600);
  expect([hoursOf("drill", "home"), hoursOf("drill", "gone")]).toEqual([4, 24]);
  expect(hoursOf("restore", "web1/pages")).toBe(Number.POSITIVE_INFINITY);
});

test("a prune that comes to no end is stopped and failed, without another attempt", async () => {
  const clock = realClock();
  // Hours pass in a moment.
  const hurried: Clock = { ...clock, sleep: (ms, signal) => clock.sleep(ms >= hourMs ? 300 : ms, signal) };
  const { context, worker, catalog } = await createScene({ clock: hurried });
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const queue = await openQueue({ redisUrl: redis.url, clock, logger: silentLogger });
  onTestFinished(() => queue.close());
  const repository = await openChosenRepository(context, { name: "main" });
  onTestFinished(() => repository.close());
  const owner = { hostname: "somebody", username: "else", pid: 1 };
  const { locks: journal, logger, signal } = context;
  const lock = await RepositoryLock.acquire(repository, { exclusive: true, owner, clock, journal, logger, signal });
  onTestFinished(() => lock.release());
  const running = await startWorker({ ...worker, redisUrl: redis.url });
  onTestFinished(() => running.stop());

  const runId = "prune/main@20261122T020000Z";
  const slot = "2026-11-22T02:00:00Z";
  await catalog.recordPending({ id: runId, kind: "prune", object: "main", policy: null, slot });
  await queue.enqueue({ runId, kind: "prune", object: "main", policy: null, slot: Date.parse(slot), priority: 10 });
  const settled = { state: "settled", attempt: 1, record: { result: "failed", code: "job-timeout" } };
  await vi.waitFor(async () => expect(await catalog.findRun(runId)).toMatchObject(settled), { timeout: 30_000 });
}, 60_000);
