import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Catalog, openCatalog, type RunRow } from "@lifeboat/catalog";
import { ensureStateFolder, realClock, statePaths } from "@lifeboat/host";
import { silentLogger } from "@lifeboat/model";
import { openQueue, type RunQueue } from "@lifeboat/queue";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  createTempFolder,
  findStockRestic,
  type RedisServer,
  type RunningServer,
  startRedis,
  startServer,
  startSshHost,
  startTcpProxy,
  stockRestic,
} from "../services/index.ts";
import { initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

const names = ["a", "b", "c", "d"];
const slotMs = 5_000;
const clock = realClock();
const until = { timeout: 120_000, interval: 100 };

/** One of the service's programs, in a process of its own; what it said is shown when the test fails. */
async function startProgram(main: string, args: readonly string[]): Promise<RunningServer> {
  const path = fileURLToPath(new URL(main, import.meta.url));
  const program = await startServer({ command: process.execPath, args: [path, ...args], isReady: () => true });
  onTestFinished(async ({ task }) => {
    await program.stop();
    if (task.result?.state === "fail") process.stderr.write(`${main}:\n${program.output()}\n`);
  }, 30_000);
  return program;
}

/** Killed without a word, its data gone, and started again empty at the same port. */
async function loseRedis(redis: RedisServer): Promise<RedisServer> {
  await redis.kill();
  await rm(redis.dataFolder, { recursive: true });
  const empty = await startRedis({ port: redis.port });
  onTestFinished(() => empty.stop());
  return empty;
}

async function startHouse() {
  const temp = await createTempFolder("redis-loss");
  onTestFinished(() => temp.remove());
  const ssh = await startSshHost();
  onTestFinished(() => ssh.stop());
  // Between Lifeboat and the host, so that a run can be held where it is.
  const line = await startTcpProxy({ target: ssh });
  onTestFinished(() => line.stop());
  const knownHostsFile = join(temp.path, "known_hosts");
  await writeFile(knownHostsFile, (await readFile(ssh.knownHostsFile, "utf8")).replace(`:${ssh.port} `, `:${line.port} `));
  const policies = (schedule: string) =>
    names.map((name) => {
      const source = `{ name: ${name}, type: files, paths: [${JSON.stringify(join(temp.path, "srv", name))}] }`;
      return `  ${name}: { hosts: [web1], repository: main, schedule: ${schedule}, sources: [${source}] }\n`;
    });
  for (const name of names) {
    await mkdir(join(temp.path, "srv", name), { recursive: true });
    await writeFile(join(temp.path, "srv", name, "file"), `what ${name} holds\n`);
  }
  const repository = { url: join(temp.path, "repo"), password: "of the lost redis" };
  const parts = { folder: temp.path, repository, ssh: { ...ssh, port: line.port, knownHostsFile } };
  const configFile = await writeFaultConfig({ ...parts, policies: policies("{ every: 5s }").join("") });
  // The same house later: what is due is still done, and nothing new becomes due.
  const quietFile = await writeFaultConfig({ ...parts, policies: policies("{ every: 365d }").join(""), name: "quiet.yaml" });
  await initFaultRepository(repository);
  const version = "missing" in (await findStockRestic("0.18")) ? "0.14" : "0.18";
  const restic = await stockRestic(version, { repository: repository.url, password: repository.password });
  onTestFinished(() => restic[Symbol.asyncDispose]());
  const catalog = await openCatalog(statePaths(ensureStateFolder(join(temp.path, "state"))).history, { clock });
  onTestFinished(() => catalog.close());
  return { configFile, quietFile, line, restic, catalog };
}

async function openQueueAt(redis: RedisServer): Promise<RunQueue> {
  const queue = await openQueue({ redisUrl: redis.url, clock, logger: silentLogger });
  onTestFinished(() => queue.close());
  return queue;
}

const backups = (catalog: Catalog) => catalog.history({ kinds: ["backup"], limit: 10_000 });
const passed = (rows: readonly RunRow[]) => rows.filter(({ record }) => record?.result === "passed").map(({ id }) => id);

test("redis killed and deleted with one run active and three waiting: slots and run= tags match one to one", async () => {
  const { configFile, quietFile, line, restic, catalog } = await startHouse();
  let redis = await startRedis();
  onTestFinished(() => redis.stop());
  const queue = await openQueueAt(redis);
  line.freeze(true);
  const programs = ["--redis", redis.url];
  await startProgram("./worker-child.ts", ["--config", configFile, ...programs]);
  const scheduler = await startProgram("../../packages/scheduler/src/main.ts", ["--config", configFile, ...programs]);
  await vi.waitFor(async () => expect(await queue.counts()).toEqual({ active: 1, waiting: 3 }), until);
  // The queue hands it over a moment before the worker has claimed it.
  const isRunning = ({ state }: RunRow) => state === "running";
  await vi.waitFor(async () => expect((await catalog.openRuns()).filter(isRunning)).toHaveLength(1), until);
  const before = await catalog.openRuns();
  const active = before.find(isRunning);

  const first = redis;
  redis = await loseRedis(redis);
  await first.stop();
  // The three waiting ones are put in again by the scheduler, which alone knows of them; the active one goes on without Redis.
  const emptyQueue = await openQueueAt(redis);
  await vi.waitFor(async () => expect(await emptyQueue.counts()).toEqual({ active: 0, waiting: 3 }), until);
  expect(await catalog.findRun(active!.id)).toMatchObject({ state: "running", attempt: 1 });
  expect((await backups(catalog)).every(({ record }) => record?.result !== "passed")).toBe(true);
  line.freeze(false);
  const firstFour = names.map((name) => before.find(({ object }) => object === `web1/${name}`)!.id);
  await vi.waitFor(async () => expect(passed(await backups(catalog))).toEqual(expect.arrayContaining(firstFour)), until);

  // And once more, with everything in full swing.
  const second = redis;
  redis = await loseRedis(redis);
  await second.stop();
  const goal = passed(await backups(catalog)).length + names.length;
  const slotsOf = (name: string, all: readonly RunRow[]) =>
    all.filter(({ object }) => object === `web1/${name}`).map((row) => row.slotMs);
  await vi.waitFor(async () => {
    const all = await backups(catalog);
    expect(passed(all).length).toBeGreaterThanOrEqual(goal);
    for (const name of names) expect(slotsOf(name, all).length, name).toBeGreaterThan(3);
  }, until);
  await scheduler.stop();
  await startProgram("../../packages/scheduler/src/main.ts", ["--config", quietFile, "--redis", redis.url]);
  await vi.waitFor(async () => expect(await catalog.openRuns()).toEqual([]), { timeout: 300_000, interval: 200 });

  const rows = await backups(catalog);
  const [snapshots] = (await restic.runJson(["snapshots", "--no-lock"])) as [{ tags: string[] }[]];
  const tags = snapshots.flatMap((each) => each.tags.filter((tag) => tag.startsWith("run=")).map((tag) => tag.slice(4)));
  expect(tags.toSorted()).toEqual(passed(rows).toSorted());
  expect(tags).toHaveLength(snapshots.length);
  expect(new Set(tags).size).toBe(tags.length);
  // A slot without a snapshot says why, and no slot is without its row.
  for (const { id, record } of rows) {
    if (record?.result !== "passed")
      expect(`${id} ${record?.result} ${record?.cause}`).toMatch(/ skipped still (running|waiting): /);
  }
  for (const name of names) {
    const slots = slotsOf(name, rows).reverse();
    expect(slots.length, name).toBeGreaterThan(3);
    expect(slots, name).toEqual(slots.map((_, index) => slots[0]! + index * slotMs));
  }
}, 600_000);
