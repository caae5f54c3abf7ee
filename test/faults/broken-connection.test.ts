import { unlinkSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type JobContext, runBackup } from "@lifeboat/jobs";
import { type Clock, formatRunId } from "@lifeboat/model";
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
import { initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

const seed = Number(process.env.LIFEBOAT_TEST_SEED ?? Date.now() % 1_000_000_000);
const random = createSeededRandom(seed);
const randomBytes = createRandomBytes(seed);
const isLong = process.env.LIFEBOAT_TEST_LONG === "1";
const kibibyte = 1024;
const mebibyte = 1024 * 1024;

let ssh: SshHost;
let proxy: TcpProxy;
let number = 0;
let temp: TempFolder;
let tree: string;
let url: string;
let context: JobContext;
let restic: StockRestic;
/** Seconds that the run wanted to wait before it connected again. */
let delays: number[];
let onLost: () => void;

beforeAll(async () => {
  ssh = await startSshHost();
  proxy = await startTcpProxy({ target: ssh });
  console.log(`seed ${seed} (LIFEBOAT_TEST_SEED)`);
}, 60_000);

afterAll(async () => {
  await proxy?.stop();
  await ssh?.stop();
});

beforeEach(async () => {
  temp = await createTempFolder("broken");
  tree = join(temp.path, "tree");
  await mkdir(tree);
  const place = { url: join(temp.path, "repo"), password: "a repository's password of a fault test" };
  url = place.url;
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
  const opened = openFaultContext(await writeFaultConfig({ folder: temp.path, repository: place, ssh: host, policies }));
  delays = [];
  onLost = () => undefined;
  let isLost = false;
  const warn = (fields: object) => {
    if (!("delay_s" in fields)) return;
    delays.push(fields.delay_s as number);
    isLost = true;
    onLost();
  };
  // Waits for the next attempt pass at once, all others as they are.
  const clock: Clock = {
    now: () => Date.now(),
    sleep: (milliseconds, signal) => {
      const isShort = isLost && milliseconds === (delays.at(-1) ?? 0) * 1000;
      if (isShort) isLost = false;
      return wait(isShort ? 20 : milliseconds, undefined, signal === undefined ? {} : { signal });
    },
  };
  context = { ...opened, clock, logger: { debug() {}, info() {}, warn, error: warn } };
  const version = "missing" in (await findStockRestic("0.18")) ? "0.14" : "0.18";
  restic = await stockRestic(version, { repository: url, password: place.password });
  return async () => {
    proxy.cutAfter(Number.POSITIVE_INFINITY);
    proxy.refuseConnections(false);
    await restic[Symbol.asyncDispose]();
    await temp.remove();
  };
}, 60_000);

async function backUp() {
  const slot = Date.UTC(2026, 10, 22, 2) + ++number * 5000;
  const runId = formatRunId({ kind: "backup", object: "web1/tree", slot });
  return runBackup(context, { runId, asset: "web1/tree", attempt: 1, policy: null, timezone: "UTC" });
}

/** By stock restic and rsync: the snapshot is what stands on the host, and the repository is whole. */
async function expectWhole(snapshot: string): Promise<void> {
  expect((await restic.run(["check", "--read-data"], { timeoutMs: 600_000 })).stdout).toContain("no errors were found");
  const target = join(temp.path, "restored");
  await restic.run(["restore", snapshot, "--target", target], { timeoutMs: 600_000 });
  expect(await compareTrees(tree, join(target, tree)), `seed ${seed}`).toEqual([]);
}

/** The connection is cut again and again, each time as soon as so many bytes have come. */
function cutAfterEach(distances: readonly number[]): void {
  const left = [...distances];
  const next = () => proxy.cutAfter(left.shift() ?? Number.POSITIVE_INFINITY);
  onLost = next;
  next();
}

test("cut at random places: the run goes on, reads little again, and stores what is there", async () => {
  let bytes = 0;
  for (let folder = 0; folder < 12; folder++) {
    const path = join(tree, `folder-${folder}`);
    await mkdir(path);
    for (let index = 0; index < 40; index++) {
      const content = randomBytes(random.below(index === 0 ? 3 * mebibyte : 120_000));
      await writeFile(join(path, `file-${index}`), content);
      bytes += content.length;
    }
  }
  for (const name of ["large", "larger"]) {
    const content = randomBytes((name === "large" ? 20 : 40) * mebibyte);
    await writeFile(join(tree, name), content);
    bytes += content.length;
  }
  // Within the listing, and anywhere after it; so far apart that something comes in between.
  const distances = [random.below(60 * kibibyte) + 8 * kibibyte];
  for (let at = 0; at < (isLong ? 60 : 6); at++) distances.push(5 * mebibyte + random.below(8 * mebibyte));
  cutAfterEach(distances);
  const { snapshot, record } = await backUp();
  expect(record, `seed ${seed}, ${record.cause}, ${delays}`).toMatchObject({ result: "passed", cause: null });
  console.log(`${bytes} bytes, ${record.figures.bytes_received} received, ${record.figures.reconnects} reconnects`);
  expect(record.figures).toMatchObject({ files_new: 482, total_bytes_processed: bytes, reconnects: delays.length });
  expect(record.figures).not.toHaveProperty("bytes_resumed");
  expect(delays.length).toBeGreaterThanOrEqual(4);
  // Each cut costs what was on its way (8 MiB a channel) and what is too fresh to be sure of (2 MiB and a file).
  expect(record.figures.bytes_received! - bytes, `seed ${seed}`).toBeLessThan((delays.length + 1) * 24 * mebibyte);
  await expectWhole(snapshot!.id);
}, 300_000);

test("cut while a changed large file is compared: it is compared again, and only what differs is moved", async () => {
  const content = Buffer.from(randomBytes(64 * mebibyte));
  await writeFile(join(tree, "large"), content);
  expect((await backUp()).record).toMatchObject({ result: "passed" });
  // A megabyte in each of eight places.
  for (let at = 0; at < 8; at++) randomBytes(mebibyte).copy(content, at * 8 * mebibyte);
  await writeFile(join(tree, "large"), content);
  cutAfterEach([2 * mebibyte + random.below(4 * mebibyte)]);
  const { snapshot, record } = await backUp();
  expect(record, `seed ${seed}, ${record.cause}`).toMatchObject({
    result: "passed",
    figures: { reconnects: 1, files_changed: 1 },
  });
  expect(record.figures.bytes_unmoved).toBe(56 * mebibyte);
  expect(record.figures.bytes_received).toBeLessThan(20 * mebibyte);
  await expectWhole(snapshot!.id);
}, 300_000);

test("cut while many files are listed: what was listed is not entered twice, and nothing is left out", async () => {
  const count = isLong ? 60_000 : 26_000;
  for (let folder = 0; folder < count / 1000; folder++) {
    const path = join(tree, `folder-${folder}`, "deep", "er");
    await mkdir(path, { recursive: true });
    for (let index = 0; index < 1000; index++) await writeFile(join(path, `file-${index}`), `${folder} ${index}`);
    await mkdir(join(tree, `folder-${folder}`, "empty"));
  }
  // Three within the listing, and then so that in one of the streams something comes that stays.
  const distances = [400, 900, 1400].map((least) => (least + random.below(500)) * kibibyte);
  cutAfterEach([...distances, 10 * mebibyte, 10 * mebibyte]);
  const { snapshot, record } = await backUp();
  expect(record, `seed ${seed}, ${record.cause}, ${delays}`).toMatchObject({ result: "passed", cause: null });
  expect(record.figures).toMatchObject({ files_new: count, reconnects: delays.length });
  expect(delays.length, `seed ${seed}`).toBeGreaterThanOrEqual(3);
  await expectWhole(snapshot!.id);
}, 300_000);

test("names that went in a folder under way while the connection was down: the run ends, and the next one is whole", async () => {
  for (let index = 0; index < 20_000; index++) await writeFile(join(tree, `file-${index}`), "");
  onLost = () => {
    for (let index = 0; index < 20_000; index += 3) unlinkSync(join(tree, `file-${index}`));
  };
  proxy.cutAfter(mebibyte);
  const { record } = await backUp();
  expect(record).toMatchObject({ result: "failed", code: "connection-lost" });
  expect(record.cause).toContain("changed before it could be listed again");
  const next = await backUp();
  expect(next.record).toMatchObject({ result: "passed" });
  await expectWhole(next.snapshot!.id);
}, 300_000);

test("a host that stays away is asked again with growing delays, and then the run ends", async () => {
  await writeFile(join(tree, "large"), randomBytes(24 * mebibyte));
  onLost = () => proxy.refuseConnections(true);
  proxy.cutAfter(8 * mebibyte);
  const { record } = await backUp();
  expect(record).toMatchObject({ result: "failed", code: "host-unreachable" });
  expect(record.cause).toContain("5 attempts to go on have failed");
  expect(delays).toEqual([1, 5, 15, 45, 120]);
}, 120_000);

test.runIf(isLong)(
  "a host that falls silent in the middle is noticed and the run goes on (needs LIFEBOAT_TEST_LONG=1: it takes a minute)",
  async () => {
    const content = randomBytes(40 * mebibyte);
    await writeFile(join(tree, "large"), content);
    onLost = () => proxy.freeze(false);
    const freezing = setInterval(() => {
      if (proxy.bytesFromTarget() - before < 16 * mebibyte) return;
      clearInterval(freezing);
      proxy.freeze(true);
    }, 1);
    const before = proxy.bytesFromTarget();
    const { snapshot, record } = await backUp();
    expect(record).toMatchObject({ result: "passed", figures: { reconnects: 1, total_bytes_processed: content.length } });
    await expectWhole(snapshot!.id);
  },
  300_000,
);
