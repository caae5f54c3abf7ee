import { mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type JobContext, runBackup, runPrune } from "@lifeboat/jobs";
import { formatRunId } from "@lifeboat/model";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { createRandomBytes } from "../fixtures/random-bytes.ts";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import {
  createTempFolder,
  findStockRestic,
  type SshHost,
  type StockRestic,
  startSshHost,
  startTcpProxy,
  stockRestic,
  type TcpProxy,
  type TempFolder,
} from "../services/index.ts";
import { openFaultContext } from "./open-fault-context.ts";
import { pullUntilKilled } from "./pull-until-killed.ts";
import { type FaultRepository, initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

const seed = Number(process.env.LIFEBOAT_TEST_SEED ?? Date.now() % 1_000_000_000);
const random = createSeededRandom(seed);
const randomBytes = createRandomBytes(seed);
const isLong = process.env.LIFEBOAT_TEST_LONG === "1";
const mebibyte = 1024 * 1024;
const largeBytes = (isLong ? 1024 : 160) * mebibyte;
/** What a kill may cost: a twentieth; of small sources, what a run lets be uncovered, with what lies in pipes and sockets. */
const allowedLoss = (bytes: number) => Math.max(bytes / 20, 48 * mebibyte) + lineBytes;
/** Listing, headers and SSH's own bytes: what came is counted on the line. */
const lineBytes = 4 * mebibyte;

let ssh: SshHost;
let proxy: TcpProxy;
let number = 0;
let temp: TempFolder;
let tree: string;
let place: FaultRepository;
let configFile: string;
let context: JobContext;
let restic: StockRestic;
let warnings: string[];

beforeAll(async () => {
  ssh = await startSshHost();
  proxy = await startTcpProxy({ target: ssh });
  console.log(`seed ${seed} (LIFEBOAT_TEST_SEED)`);
}, 60_000);

afterAll(async () => {
  await proxy?.stop();
  await ssh?.stop();
});

/** A fresh repository and an empty tree for each test. */
beforeEach(async () => {
  temp = await createTempFolder("checkpoint");
  tree = join(temp.path, "tree");
  await mkdir(tree);
  place = { url: join(temp.path, "repo"), password: "a repository's password of a fault test" };
  await initFaultRepository(place);
  const policies = `  all:
    hosts: [web1]
    repository: main
    schedule: { every: 5s }
    sources:
      - { name: tree, type: files, paths: [${JSON.stringify(tree)}] }
`;
  const known = join(temp.path, "known_hosts");
  await writeFile(known, (await readFile(ssh.knownHostsFile, "utf8")).replace(`:${ssh.port}`, `:${proxy.port}`));
  const { user, identityFile } = ssh;
  const host = { address: proxy.address, port: proxy.port, user, identityFile, knownHostsFile: known };
  configFile = await writeFaultConfig({ folder: temp.path, repository: place, ssh: host, policies });
  warnings = [];
  const warn = (_fields: object, message: string) => void warnings.push(message);
  context = { ...openFaultContext(configFile), logger: { debug() {}, info() {}, warn, error: warn } };
  const version = "missing" in (await findStockRestic("0.18")) ? "0.14" : "0.18";
  restic = await stockRestic(version, { repository: place.url, password: place.password });
  return async () => {
    await restic[Symbol.asyncDispose]();
    await temp.remove();
  };
}, 60_000);

const runIdOf = (kind: "backup" | "prune") =>
  formatRunId({ kind, object: kind === "backup" ? "web1/tree" : "main", slot: Date.UTC(2026, 10, 22, 2) + ++number * 5000 });
const child = () => ({ configFile, repository: place, asset: "web1/tree", runId: runIdOf("backup") });
const checkpoints = () => readdir(join(place.url, "lifeboat/v1/checkpoint")).catch(() => []);

async function backUp() {
  const outcome = await runBackup(context, {
    ...{ runId: runIdOf("backup"), asset: "web1/tree", attempt: 1, policy: null, timezone: "UTC" },
    repository: place,
  });
  expect(outcome.record, `seed ${seed}`).toMatchObject({ result: "passed", cause: null });
  return { snapshot: outcome.snapshot!, resumed: outcome.record.figures.bytes_resumed ?? 0, figures: outcome.record.figures };
}

/** By stock restic and rsync: the snapshot is what stands on the host, and the repository is whole. The restore reads every byte of the snapshot. */
async function expectWhole(snapshot: string): Promise<void> {
  const { stdout } = await restic.run(["check", ...(isLong ? ["--read-data"] : [])], { timeoutMs: 600_000 });
  expect(stdout).toContain("no errors were found");
  const target = join(temp.path, "restored");
  await restic.run(["restore", snapshot, "--target", target], { timeoutMs: 600_000 });
  expect(await compareTrees(tree, join(target, tree)), `seed ${seed}`).toEqual([]);
}

/** Stock restic finds each of its own cuts stored. */
async function expectCutAsResticCuts(): Promise<void> {
  const lines = await restic.runJson(["backup", "--force", tree], { timeoutMs: 600_000 });
  const summary = lines.find((line) => (line as { message_type?: string }).message_type === "summary");
  expect(summary, `seed ${seed}`).toMatchObject({ data_blobs: 0 });
}

async function writeManyFiles(folders: number): Promise<number> {
  let bytes = 0;
  for (let folder = 0; folder < folders; folder++) {
    const path = join(tree, `folder-${folder}`, "deep");
    await mkdir(path, { recursive: true });
    for (let index = 0; index < 40; index++) {
      const content = randomBytes(random.below(index === 0 ? 4 * mebibyte : 160_000));
      await writeFile(join(path, `file-${index}`), content);
      bytes += content.length;
    }
  }
  return bytes;
}

async function writeLargeFile(bytes = largeBytes): Promise<string> {
  const path = join(tree, "large");
  await writeFile(path, "");
  for (let left = bytes; left > 0; left -= 16 * mebibyte) {
    await writeFile(path, randomBytes(Math.min(left, 16 * mebibyte)), { flag: "a" });
  }
  return path;
}

test("many files, killed anywhere: the next run takes what came from the checkpoint and reads the rest", async () => {
  const folders = isLong ? 40 : 25;
  const bytes = await writeManyFiles(folders);
  // From where so much has come that the reader would have waited for the first checkpoint.
  const came = await pullUntilKilled(child(), proxy, (bytes * (50 + random.below(46))) / 100);
  expect((await restic.run(["check", "--no-lock"])).stdout).toContain("no errors were found");
  expect((await restic.run(["snapshots", "--no-lock"])).stdout).not.toContain("web1");
  expect(await checkpoints()).not.toEqual([]);
  const { snapshot, resumed, figures } = await backUp();
  console.log(`${bytes} bytes, ${came} came before the kill, ${resumed} of them kept`);
  expect(came - resumed, `seed ${seed}`).toBeLessThanOrEqual(allowedLoss(bytes));
  expect(figures).toMatchObject({ files_new: folders * 40, files_changed: 0, files_unmodified: 0, total_bytes_processed: bytes });
  expect(figures.bytes_received).toBeLessThan((bytes - resumed) * 1.05 + 4 * mebibyte);
  expect(await checkpoints()).toEqual([]);
  await expectWhole(snapshot.id);
  await expectCutAsResticCuts();
  expect(warnings).toEqual([]);
}, 900_000);

test(`one file of ${largeBytes / mebibyte} MiB, killed at 90 %: only its rest is read`, async () => {
  await writeLargeFile();
  const came = await pullUntilKilled(child(), proxy, largeBytes * 0.9);
  const { snapshot, resumed, figures } = await backUp();
  console.log(`${largeBytes} bytes, ${came} came before the kill, ${resumed} of them kept`);
  expect(came - resumed).toBeLessThanOrEqual(allowedLoss(largeBytes));
  expect(figures).toMatchObject({ files_new: 1, total_bytes_processed: largeBytes });
  expect(figures.bytes_received).toBeLessThan((largeBytes - resumed) * 1.01 + mebibyte);
  await expectWhole(snapshot.id);
  await expectCutAsResticCuts();
}, 900_000);

test("a file that changed between the runs is read whole, and is what it is now", async () => {
  const path = await writeLargeFile(72 * mebibyte);
  await pullUntilKilled(child(), proxy, 66 * mebibyte);
  expect(await checkpoints()).toHaveLength(1);
  await writeFile(path, "changed at its beginning", { flag: "r+" });
  const { snapshot, resumed } = await backUp();
  expect(resumed).toBe(0);
  await expectWhole(snapshot.id);
}, 300_000);

test("beside a parent snapshot: what is new since then is gone on with, and counted as new", async () => {
  await writeManyFiles(3);
  await backUp();
  await writeLargeFile(72 * mebibyte);
  await pullUntilKilled(child(), proxy, 66 * mebibyte);
  const { snapshot, resumed, figures } = await backUp();
  expect(resumed).toBeGreaterThan(0);
  expect(figures).toMatchObject({ files_new: 1, files_changed: 0, files_unmodified: 120 });
  await expectWhole(snapshot.id);
}, 300_000);

test("a second kill loses nothing of the first checkpoint, also not what the second run had not come to", async () => {
  await writeManyFiles(20);
  await writeLargeFile(64 * mebibyte);
  const first = 100 * mebibyte;
  await pullUntilKilled(child(), proxy, first);
  await pullUntilKilled(child(), proxy, 28 * mebibyte);
  const { snapshot, resumed } = await backUp();
  expect(resumed, `seed ${seed}`).toBeGreaterThan(first - allowedLoss(0));
  await expectWhole(snapshot.id);
}, 300_000);

test("after a prune nothing of a checkpoint is left but itself: all is read again, and right", async () => {
  await writeLargeFile(72 * mebibyte);
  await pullUntilKilled(child(), proxy, 66 * mebibyte);
  const order = { runId: runIdOf("prune"), attempt: 1, policy: null, timezone: "UTC", repository: place, maxUnusedRatio: 0 };
  expect((await runPrune(context, order)).record.result).toBe("passed");
  const { snapshot, resumed } = await backUp();
  expect(resumed).toBe(0);
  expect(warnings).toEqual(["a checkpoint is of no use; the run goes on"]);
  expect(await checkpoints()).toEqual([]);
  await expectWhole(snapshot.id);
}, 300_000);

test("a damaged checkpoint is passed over", async () => {
  await writeLargeFile(72 * mebibyte);
  await pullUntilKilled(child(), proxy, 66 * mebibyte);
  const [name] = await checkpoints();
  const file = join(place.url, "lifeboat/v1/checkpoint", name!);
  const bytes = await readFile(file);
  bytes[bytes.length >> 1]! ^= 1;
  await rm(file);
  await writeFile(file, bytes);
  const { snapshot, resumed } = await backUp();
  expect(resumed).toBe(0);
  expect(warnings).toEqual(["a checkpoint cannot be read and is passed over"]);
  await expectWhole(snapshot.id);
}, 300_000);

test("a large file that is compared with the parent, killed: the next run goes on, and moves no more than what differs", async () => {
  const bytes = 208 * mebibyte;
  const path = await writeLargeFile(bytes);
  await backUp();
  await using file = await open(path, "r+");
  // Four pages of ten: enough for checkpoints, and still less than the file.
  for (let at = 0; at < bytes; at += 10 * 4096) await file.write(randomBytes(4 * 4096), 0, 4 * 4096, at);
  // So much that the reader would have waited for the first checkpoint.
  const came = await pullUntilKilled(child(), proxy, 64 * mebibyte);
  expect((await restic.run(["check", "--no-lock"])).stdout).toContain("no errors were found");
  const { snapshot, resumed, figures } = await backUp();
  console.log(
    `${came} came before the kill, ${resumed} kept, then ${figures.bytes_received} and ${figures.bytes_unmoved} not moved`,
  );
  expect(resumed, `seed ${seed}`).toBeGreaterThan(0);
  expect(figures).toMatchObject({ files_changed: 1, total_bytes_processed: bytes });
  expect(figures.bytes_received).toBeLessThan((bytes - resumed) * 0.42 + mebibyte);
  expect(figures.bytes_unmoved).toBeGreaterThan((bytes - resumed) * 0.58);
  await expectWhole(snapshot.id);
  await expectCutAsResticCuts();
}, 600_000);
