import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Catalog, openCatalog, type RunRow } from "@lifeboat/catalog";
import { type Clock, type Logger, type RunRecord, silentLogger } from "@lifeboat/model";
import { openQueue, type QueueJob, startConsumer, startRedisServer } from "@lifeboat/queue";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { startScheduler } from "./start-scheduler.ts";
import { configOf, policyOf } from "./test-config.ts";

const base = mkdtempSync(join(tmpdir(), "lifeboat-scheduler-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const clock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) => wait(milliseconds, undefined, signal === undefined ? {} : { signal }).then(() => undefined),
};
const staleAfterMs = 60_000;
const until = { timeout: 50_000, interval: 50 };
const slotMs = 5_000;

/** A worker by the catalog's protocol. `commit` stands for the snapshot with its run= tag: the one thing that counts. */
async function workOnce(catalog: Catalog, job: QueueJob, owner: string, commit: (run: RunRow) => Promise<void>): Promise<void> {
  const claim = await catalog.claimRun(job.runId, owner, { staleAfterMs });
  if (!claim.claimed) return;
  const beats = setInterval(() => void catalog.heartbeat(job.runId, claim.attempt), 1000);
  await commit(claim.run).finally(() => clearInterval(beats));
  if (!(await catalog.heartbeat(job.runId, claim.attempt))) return;
  const { id, kind, object, policy, slot } = claim.run;
  const time = new Date().toISOString();
  const record: RunRecord = {
    schema: "lifeboat.run/1",
    ...{ id, kind, object, policy, slot, attempt: claim.attempt, started: time, ended: time, result: "passed" },
    ...{ cause: null, code: null, repository: null, snapshot: null, figures: {}, problems: [], problemCount: 0 },
  };
  await catalog.settleRun(id, claim.attempt, record);
}

async function startService(folder: string, names: readonly string[]) {
  const catalog = await openCatalog(join(base, `${folder}.sqlite`), { clock });
  onTestFinished(() => catalog.close());
  const redisFolder = join(base, folder);
  const redis = await startRedisServer({ folder: redisFolder, clock, logger: silentLogger });
  onTestFinished(() => redis.stop(), 30_000);
  const connection = { redisUrl: redis.redisUrl, clock, logger: silentLogger };
  const config = configOf(names.map((name) => policyOf(name, "schedule: { every: 5s }")).join(""));
  const errors: object[] = [];
  const logger: Logger = { ...silentLogger, error: (fields, message) => void errors.push({ message, ...fields }) };
  const startOne = async (instance: string) => {
    const queue = await openQueue(connection);
    onTestFinished(() => queue.close());
    const scheduler = startScheduler({ config, catalog, queue, clock, logger, instance, staleAfterMs });
    onTestFinished(() => scheduler.stop());
    return { queue, scheduler };
  };
  const consume = async (concurrency: number, commit: (run: RunRow) => Promise<void>) => {
    const handler = (job: QueueJob) => workOnce(catalog, job, "w", commit);
    const consumer = await startConsumer({ ...connection, concurrency, handler });
    onTestFinished(() => consumer.stop(new Error("test over")), 30_000);
  };
  return { catalog, redis, redisFolder, errors, startOne, consume };
}

/** For each object: the slots from the first to the last have a row each, none is left out. */
async function expectEverySlot(catalog: Catalog, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const slots = (await catalog.history({ object: `web1/${name}`, limit: 10_000 })).map((row) => row.slotMs).reverse();
    expect(slots.length).toBeGreaterThan(3);
    expect(slots).toEqual(slots.map((_, index) => slots[0]! + index * slotMs));
  }
}

test("redis killed and its folder deleted with one run active and three waiting: slots and run= tags match one to one", async () => {
  const names = ["a", "b", "c", "d"];
  const { catalog, redis, redisFolder, errors, startOne, consume } = await startService("killed", names);
  const tags: string[] = [];
  const gate = Promise.withResolvers<void>();
  await consume(1, async (run) => {
    if (tags.length === 0) {
      tags.push(run.id);
      await gate.promise;
    } else tags.push(run.id);
  });
  const { queue, scheduler } = await startOne("one");
  await startOne("two");
  await vi.waitFor(async () => expect(await queue.counts()).toEqual({ waiting: 3, active: 1 }), until);
  const waiting = (await catalog.openRuns()).filter(({ state }) => state === "pending").map(({ id }) => id);

  const pid = redis.pid()!;
  process.kill(pid, "SIGKILL");
  rmSync(redisFolder, { recursive: true, force: true });
  // three waiting runs are in the new, empty Redis again although nobody put them there but the scheduler
  await vi.waitFor(async () => expect((await queue.counts()).waiting).toBe(3), until);
  expect(redis.pid()).not.toBe(pid);
  expect(tags).toHaveLength(1);
  gate.resolve();
  await vi.waitFor(() => expect(tags).toEqual(expect.arrayContaining(waiting)), until);

  // and once more, with everything in full swing
  process.kill(redis.pid()!, "SIGKILL");
  rmSync(redisFolder, { recursive: true, force: true });
  const goal = tags.length + 3 * names.length;
  await vi.waitFor(() => expect(tags.length).toBeGreaterThanOrEqual(goal), until);
  await scheduler.stop();
  await vi.waitFor(async () => expect(await catalog.openRuns().then((runs) => runs.length)).toBe(0), until);

  const rows = await catalog.history({ limit: 10_000 });
  const passed = rows.filter(({ record }) => record?.result === "passed").map(({ id }) => id);
  expect([...tags].sort()).toEqual([...passed].sort());
  expect(new Set(tags).size).toBe(tags.length);
  // a slot without a tag says why
  for (const { record } of rows)
    if (record?.result !== "passed") expect(record?.cause).toMatch(/^(still (running|waiting)|missed): /);
  await expectEverySlot(catalog, names);
  expect(errors).toEqual([]);
}, 180_000);

test("the scheduler beats, says once that redis is away and once that an objective is missed", async () => {
  const catalog = await openCatalog(join(base, "beat.sqlite"), { clock });
  onTestFinished(() => catalog.close());
  const redis = await startRedisServer({ folder: join(base, "beat"), clock, logger: silentLogger });
  onTestFinished(() => redis.stop(), 30_000);
  const queue = await openQueue({ redisUrl: redis.redisUrl, clock, logger: silentLogger });
  onTestFinished(() => queue.close());
  const config = configOf(policyOf("web", "schedule: { every: 10m }\nobjectives: { rpo: 1h }"));
  let nowMs = Date.UTC(2026, 10, 22, 2);
  const warnings: string[] = [];
  const log = (_fields: object, message: string) => void warnings.push(message);
  const logger: Logger = { debug() {}, info: log, warn: log, error: log };
  const taken = await openCatalog(join(base, "beat.sqlite"), { clock: { ...clock, now: () => nowMs } });
  onTestFinished(() => taken.close());
  const scheduler = startScheduler({
    ...{ config, catalog: taken, queue, logger, instance: "one" },
    clock: { now: () => nowMs, sleep: (_milliseconds, signal) => clock.sleep(3_600_000, signal) },
  });
  onTestFinished(() => scheduler.stop());
  await scheduler.reconcileNow();
  expect(await catalog.beats()).toMatchObject([{ program: "scheduler", instance: "one", atMs: nowMs }]);
  nowMs += 600_000;
  await scheduler.reconcileNow();
  const [run] = await taken.openRuns();
  await workOnce(taken, { runId: run!.id } as QueueJob, "w", async () => {});
  const seen = { repository: "main", id: "aa", original: "aa", asset: "web1/web", run: run!.id, bytes: 1, files: 1 };
  await taken.recordSnapshots([{ ...seen, time: new Date(nowMs).toISOString() }]);
  await redis.stop();
  for (let minute = 0; minute < 75; minute++) {
    nowMs += 60_000;
    await scheduler.reconcileNow();
  }
  const often = (message: string) => warnings.filter((each) => each === message).length;
  expect(often("redis does not answer; due runs wait in the history")).toBe(1);
  expect(often("recovery point is older than its objective")).toBe(1);
});

test("a tick comes a second after the one before, wherever the clock is set; one that fails ends nothing, and stop ends the sleep", async () => {
  let nowMs = Date.UTC(2026, 9, 24, 23, 59, 59);
  let wake: (() => void) | undefined;
  const slept: number[] = [];
  const handClock: Clock = {
    now: () => nowMs,
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        slept.push(milliseconds);
        wake = resolve;
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
  };
  const opened = await openCatalog(join(base, "steps.sqlite"), { clock: handClock });
  onTestFinished(() => opened.close());
  let failing = false;
  let rounds = 0;
  const catalog: Catalog = {
    ...opened,
    async lostRuns(staleAfterMs) {
      rounds++;
      if (failing) throw new Error("the disk is full");
      return await opened.lostRuns(staleAfterMs);
    },
  };
  const redis = await startRedisServer({ folder: join(base, "steps"), clock, logger: silentLogger });
  onTestFinished(() => redis.stop(), 30_000);
  const queue = await openQueue({ redisUrl: redis.redisUrl, clock, logger: silentLogger });
  onTestFinished(() => queue.close());
  const errors: string[] = [];
  const logger: Logger = { ...silentLogger, error: (_fields, message) => void errors.push(message) };
  const config = configOf(policyOf("web", "schedule: { every: 1h }"));
  const scheduler = startScheduler({ config, catalog, queue, logger, instance: "one", clock: handClock });
  const tick = async () => {
    const before = slept.length;
    wake?.();
    await vi.waitFor(() => expect(slept).toHaveLength(before + 1), until);
  };
  // the autumn hour that comes twice in Berlin, an hour and a year back, ten years forward, ten seconds and a half
  const steps = [1_000, 3_600_000, -3_600_000, -365 * 86_400_000, 3650 * 86_400_000, 10_500];
  for (const [index, step] of steps.entries()) {
    nowMs += step;
    await tick();
    expect(rounds).toBe(index + 1);
    if (Math.abs(step) > 5_000) expect(await opened.beats()).toMatchObject([{ instance: "one", atMs: nowMs }]);
  }
  failing = true;
  await tick();
  failing = false;
  await tick();
  expect(errors).toEqual(["a round of the scheduler failed"]);
  expect(rounds).toBe(steps.length + 2);
  for (const milliseconds of slept) expect(milliseconds).toSatisfy((each: number) => each > 0 && each < 1_010);
  await scheduler.stop();
  expect(rounds).toBe(steps.length + 2);
});
