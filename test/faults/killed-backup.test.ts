import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type JobContext, runBackup, runTag } from "@lifeboat/jobs";
import { formatRunId } from "@lifeboat/model";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import {
  cleanEnvironment,
  createTempFolder,
  findStockRestic,
  listObjectKeys,
  type ObjectStore,
  objectStoreEnvironment,
  runCommand,
  type SshHost,
  type StockRestic,
  startObjectStore,
  startSshHost,
  stockRestic,
  type TempFolder,
} from "../services/index.ts";
import type { BackupChildOrder, KillPlace } from "./backup-child.ts";
import { type ChangingTree, createChangingTree, moreThanOnePackBytes } from "./changing-tree.ts";
import { openFaultContext } from "./open-fault-context.ts";
import { watchOperations } from "./watch-operations.ts";
import {
  createRepositoryPlace,
  type FaultRepositoryInStore,
  initFaultRepository,
  writeFaultConfig,
} from "./write-fault-config.ts";

const seed = Number(process.env.LIFEBOAT_TEST_SEED ?? Date.now() % 1_000_000_000);
const random = createSeededRandom(seed);
/** In the short run each phase, before and after; points at random, and other faults, are in random-faults.test.ts. */
const killCount = process.env.LIFEBOAT_TEST_LONG === "1" ? 200 : 15;

interface Kill extends KillPlace {
  readonly asset: "web1/tree" | "web1/app";
  /** Whether the run's snapshot exists afterwards; undefined where that is not certain. */
  readonly commits?: boolean;
}

/** Every phase of a backup, just before and just after its operation. */
const phases: readonly [match: string, asset: Kill["asset"], before: boolean, after: boolean][] = [
  ["put locks/", "web1/tree", false, false],
  ["put data/", "web1/tree", false, false],
  ["put index/", "web1/tree", false, false],
  ["put lifeboat/v1/facts/", "web1/app", false, false],
  ["put snapshots/", "web1/tree", false, true],
  ["delete locks/", "web1/tree", true, true],
  ["put lifeboat/v1/run/", "web1/tree", true, true],
];

let temp: TempFolder;
let ssh: SshHost;
let store: ObjectStore;
let place: FaultRepositoryInStore;
let configFile: string;
let context: JobContext;
let tree: ChangingTree;
let restic: StockRestic;
/** The tree as the first snapshot has it. */
let frozen: string;
let firstSnapshot: string;
let operationsOfARun: number;
let nextSlot = Date.UTC(2026, 10, 22, 2);

const runIdOf = (asset: string) => {
  nextSlot += 5000;
  return formatRunId({ kind: "backup", object: asset, slot: nextSlot });
};

/** In this process, by the same installation. */
async function backUp(asset: string, runId: string, attempt: number) {
  const { url, password, credentials } = place;
  const operations: string[] = [];
  const outcome = await runBackup(context, {
    ...{ runId, asset, attempt, policy: null, timezone: "Europe/Berlin", threads: 1 },
    repository: {
      ...{ url, password, credentials },
      wrap: (inner) =>
        watchOperations(inner, (what) => {
          operations.push(what);
          return undefined;
        }),
    },
  });
  return { ...outcome, operations };
}

/** Gives what the child says last; it must have been killed. */
async function backUpAndKill(order: BackupChildOrder): Promise<string> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./backup-child.ts", import.meta.url))], {
    env: cleanEnvironment(),
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stdin.end(JSON.stringify(order));
  const signal = await new Promise((resolve) => child.once("close", (_code, name) => resolve(name)));
  expect(signal, `the fault never fired (seed ${seed}): ${JSON.stringify(order.kill)}\n${output}`).toBe("SIGKILL");
  return output.trim();
}

const keys = (kind: string) => listObjectKeys(store, place.bucket, `repo/${kind}/`);

/** What stock restic says after a look at the repository's structure. */
async function check(...flags: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await restic.run(["check", ...flags], { accept: "any" });
  const isClean = exitCode === 0 && stdout.includes("no errors were found");
  return isClean ? "no errors were found" : `exit code ${exitCode}\n${stdout}${stderr}`;
}

async function expectFirstSnapshotWhole(name: string): Promise<void> {
  const target = join(temp.path, `restored after ${name.split(" ", 2).join(" ")}`);
  await restic.run(["restore", "--no-lock", firstSnapshot, "--target", target]);
  expect(await compareTrees(frozen, join(target, tree.folder)), name).toEqual([]);
  await rm(target, { recursive: true });
}

beforeAll(async () => {
  temp = await createTempFolder("kill");
  [ssh, store] = await Promise.all([startSshHost(), startObjectStore()]);
  place = await createRepositoryPlace(store);
  tree = await createChangingTree(temp.path, seed);
  const path = (name: string) => JSON.stringify(name);
  const policies = `  all:
    hosts: [web1]
    repository: main
    schedule: { every: 5s }
    sources:
      - { name: tree, type: files, paths: [${path(tree.folder)}] }
      - { name: app, type: sqlite, path: ${path(tree.database)}, record: { rows: all } }
`;
  configFile = await writeFaultConfig({ folder: temp.path, repository: place, ssh, policies });
  context = openFaultContext(configFile);
  const { url, password } = place;
  await initFaultRepository(place);
  const version = "missing" in (await findStockRestic("0.18")) ? "0.14" : "0.18";
  restic = await stockRestic(version, { repository: url, password, env: objectStoreEnvironment(store) });
  console.log(`${killCount} kills, seed ${seed} (LIFEBOAT_TEST_SEED), judged by restic ${version}`);
  const first = await backUp("web1/tree", runIdOf("web1/tree"), 1);
  expect(first.record).toMatchObject({ result: "passed", cause: null });
  firstSnapshot = first.snapshot!.id;
  frozen = join(temp.path, "frozen");
  await runCommand("cp", ["-a", tree.folder, frozen]);
  await tree.change();
  const second = await backUp("web1/tree", runIdOf("web1/tree"), 1);
  expect(second.record).toMatchObject({ result: "passed", cause: null });
  operationsOfARun = second.operations.length;
}, 180_000);

afterAll(async () => {
  await restic?.[Symbol.asyncDispose]();
  await ssh?.stop();
  await temp?.remove();
});

function chooseKills(): Kill[] {
  const kills: Kill[] = phases.flatMap(([match, asset, before, after]) => [
    { match, asset, at: 1, moment: "before", commits: before },
    { match, asset, at: 1, moment: "after", commits: after },
  ]);
  // Between the first pack and the second: what is stored then is named by no index.
  kills.push({ match: "put data/", asset: "web1/tree", at: 2, moment: "before", commits: false });
  while (kills.length < killCount) {
    const moment = (["before", "during", "after"] as const)[random.below(3)]!;
    kills.push({ match: "", asset: "web1/tree", at: 1 + random.below(operationsOfARun), moment });
  }
  for (let at = kills.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [kills[at], kills[other]] = [kills[other]!, kills[at]!];
  }
  return kills;
}

async function killAndGoOn({ asset, commits, ...kill }: Kill, number: number): Promise<[runId: string, snapshot: string]> {
  const name = `kill ${number} ${kill.moment} operation ${kill.at} of "${kill.match}" (seed ${seed})`;
  const runId = runIdOf(asset);
  await tree.change(kill.at === 2 && kill.match === "put data/" ? { largeBytes: moreThanOnePackBytes } : {});
  const before = new Set(await keys("snapshots"));
  const said = await backUpAndKill({ configFile, repository: place, asset, runId, kill });
  expect(said, name).toContain(`killed ${kill.moment} ${kill.match}`);

  // Each look is at the whole repository, so what costs more is looked at in every fourth round alone.
  const isRound = number % 4 === 3;
  const [left, checked] = await Promise.all([
    keys("snapshots"),
    check("--no-lock"),
    isRound ? expectFirstSnapshotWhole(name) : undefined,
  ]);
  expect(checked, name).toBe("no errors were found");
  const added = left.filter((key) => !before.has(key)).map((key) => key.slice("repo/snapshots/".length));
  if (commits !== undefined) expect(added.length, name).toBe(commits ? 1 : 0);
  if (kill.match === "put index/" || kill.match === "put snapshots/") expect(await keys("locks"), name).toHaveLength(1);

  const { record, snapshot } = await backUp(asset, runId, 2);
  expect(record, name).toMatchObject({ result: "passed", cause: null, attempt: 2 });
  expect(record.figures.adopted ?? 0, name).toBe(added.length);
  if (added.length > 0) expect([snapshot?.id], name).toEqual(added);
  expect(await keys("locks"), name).toEqual([]);
  if (isRound) expect(await check(), name).toBe("no errors were found");
  return [runId, snapshot!.id];
}

test(`${killCount} kills: nothing stored is harmed, and the next run adopts or goes on and removes the dead lock`, async () => {
  const runs = new Map<string, string>();
  for (const [number, kill] of chooseKills().entries()) runs.set(...(await killAndGoOn(kill, number)));
  expect(await check()).toBe("no errors were found");
  await expectFirstSnapshotWhole("all");
  // Each run has one snapshot, and only one, by stock restic's count.
  const [snapshots] = (await restic.runJson(["snapshots"])) as [{ id: string; tags: string[] }[]];
  for (const [runId, id] of runs) {
    expect(snapshots.filter(({ tags }) => tags.includes(runTag(runId))).map((each) => each.id)).toEqual([id]);
  }
  expect(snapshots).toHaveLength(runs.size + 2);
  // What the last run stored is what stands there.
  const target = join(temp.path, "last");
  const last = await backUp("web1/tree", runIdOf("web1/tree"), 1);
  await restic.run(["restore", last.snapshot!.id, "--target", target]);
  expect(await compareTrees(tree.folder, join(target, tree.folder))).toEqual([]);
}, 3_600_000);
