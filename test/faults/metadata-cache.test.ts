import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checkRepository, diffSnapshots, listTree, planRestore, type Repository } from "@lifeboat/engine";
import { type JobContext, openChosenRepository, runBackup } from "@lifeboat/jobs";
import { type ByteString, formatRunId } from "@lifeboat/model";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createTempFolder,
  listObjectKeys,
  type ObjectStore,
  requestObjectStore,
  type SshHost,
  startObjectStore,
  startSshHost,
  type TempFolder,
} from "../services/index.ts";
import { openFaultContext } from "./open-fault-context.ts";
import { watchOperations } from "./watch-operations.ts";
import {
  createRepositoryPlace,
  type FaultRepositoryInStore,
  initFaultRepository,
  writeFaultConfig,
} from "./write-fault-config.ts";

const rounds = 12;
const folders = 40;

let temp: TempFolder;
let ssh: SshHost;
let server: ObjectStore;
let place: FaultRepositoryInStore;
let bare: JobContext;
let keeping: JobContext;
let slot = Date.UTC(2026, 10, 22, 2);
let operations: string[] = [];

const choice = () => ({
  ...{ url: place.url, password: place.password, credentials: place.credentials },
  wrap: (store: Parameters<typeof watchOperations>[0]) =>
    watchOperations(store, (what) => {
      operations.push(what);
      return undefined;
    }),
});
/** Requests for metadata, and all of them. */
async function counting(work: () => Promise<unknown>): Promise<{ metadata: number; all: number }> {
  operations = [];
  await work();
  return {
    metadata: operations.filter((what) => /^get (index|snapshots|data)\//.test(what)).length,
    all: operations.length,
  };
}

async function opened(context: JobContext, work: (repository: Repository) => Promise<unknown>) {
  const repository = await openChosenRepository(context, choice());
  await work(repository).finally(() => repository.close());
}

async function backUp(context: JobContext) {
  slot += 5000;
  const runId = formatRunId({ kind: "backup", object: "web1/tree", slot });
  const order = { runId, asset: "web1/tree", attempt: 1, policy: null, timezone: "Europe/Berlin", threads: 1 };
  const { record, error } = await runBackup(context, { ...order, repository: choice() });
  expect([record.result, error]).toEqual(["passed", undefined]);
}

beforeAll(async () => {
  temp = await createTempFolder("cache");
  [ssh, server] = await Promise.all([startSshHost(), startObjectStore()]);
  const tree = join(temp.path, "tree");
  for (let number = 0; number < folders; number++) {
    await mkdir(join(tree, `folder-${number}`), { recursive: true });
    for (const name of ["a", "b", "c"]) await writeFile(join(tree, `folder-${number}`, name), `${number} ${name}`);
  }
  place = await createRepositoryPlace(server);
  const policies = `  trees:
    hosts: [web1]
    repository: main
    schedule: { every: 1h }
    sources: [{ name: tree, type: files, paths: [${JSON.stringify(tree)}] }]
`;
  const configFile = await writeFaultConfig({ folder: temp.path, repository: place, ssh, policies });
  await initFaultRepository(place);
  bare = openFaultContext(configFile);
  keeping = { ...bare, cache: { folder: join(temp.path, "cache") } };
  for (let round = 0; round < rounds; round++) {
    await writeFile(join(tree, `folder-${round}`, "changed"), `in round ${round}`);
    await backUp(bare);
  }
}, 240_000);

afterAll(async () => {
  await ssh?.stop();
  await temp?.remove();
});

const reads: Readonly<Record<string, (repository: Repository) => Promise<unknown>>> = {
  snapshots: (repository) => repository.listSnapshots(),
  async "ls --recursive"(repository) {
    const latest = (await repository.listSnapshots()).at(-1)!;
    let count = 0;
    for await (const _ of listTree(repository, latest.tree, "/" as ByteString, { recursive: true })) count++;
    expect(count).toBeGreaterThan(folders * 4);
  },
  async "find in all snapshots"(repository) {
    let found = 0;
    for (const { tree } of await repository.listSnapshots()) {
      for await (const { node } of listTree(repository, tree, "/" as ByteString, { recursive: true })) {
        if (node.name === "changed") found++;
      }
    }
    expect(found).toBeGreaterThanOrEqual((rounds * (rounds + 1)) / 2);
  },
  async diff(repository) {
    const all = await repository.listSnapshots();
    await repository.loadIndex();
    let changes = 0;
    for await (const _ of diffSnapshots(repository, all[0]!.tree, all.at(-1)!.tree)) changes++;
    expect(changes).toBeGreaterThan(rounds);
  },
  async "plan of a restore"(repository) {
    const snapshot = (await repository.listSnapshots()).at(-1)!;
    await repository.loadIndex();
    await planRestore({ repository, tree: snapshot.tree, include: [], signal: new AbortController().signal });
  },
};

test("reading commands and an unchanged backup ask the store for no metadata that this machine has", async () => {
  const figures: Record<string, { none: number; cold: number; warm: number; all: number }> = {};
  for (const [name, work] of Object.entries(reads)) {
    await rm(join(temp.path, "cache"), { recursive: true, force: true });
    const none = await counting(() => opened(bare, work));
    const cold = await counting(() => opened(keeping, work));
    const warm = await counting(() => opened(keeping, work));
    figures[name] = { none: none.metadata, cold: cold.metadata, warm: warm.metadata, all: warm.all };
    expect(warm.metadata, name).toBe(0);
    expect(cold.metadata, name).toBeLessThanOrEqual(none.metadata);
    expect(none.metadata, name).toBeGreaterThanOrEqual(rounds);
  }
  await rm(join(temp.path, "cache"), { recursive: true, force: true });
  const none = await counting(() => backUp(bare));
  const cold = await counting(() => backUp(keeping));
  const warm = await counting(() => backUp(keeping));
  figures["backup of what did not change"] = { none: none.metadata, cold: cold.metadata, warm: warm.metadata, all: warm.all };
  // The snapshot that the run before stored is there already: the writer puts what it stores into the cache.
  expect(warm.metadata).toBe(0);
  expect(none.metadata).toBeGreaterThanOrEqual(rounds);
  console.log("requests for metadata without a cache, with an empty and with a warm one; all requests with a warm one:", figures);
}, 240_000);

test("a check reads from the store what it judges, and finds what is lost there and whole here", async () => {
  const check = (context: JobContext, withCache: boolean) => async () => {
    const options = { readData: false, withCache, signal: context.signal, clock: context.clock } as const;
    await opened(context, async (repository) => {
      report = await checkRepository(repository, options);
    });
  };
  let report: Awaited<ReturnType<typeof checkRepository>> | undefined;
  await opened(keeping, reads["find in all snapshots"]!);
  const believing = await counting(check(keeping, true));
  expect([believing.metadata, report!.errorCount]).toEqual([0, 0]);
  const judging = await counting(check(keeping, false));
  // Each once: packs of folders that are asked for again come from what it has just read.
  const gets = operations.filter((what) => /^get (index|snapshots|data)\//.test(what));
  expect(judging.metadata).toBe(new Set(gets).size);
  expect(judging.metadata).toBeGreaterThanOrEqual(rounds * 2);

  const own = (await readdir(join(temp.path, "cache"))).find((name) => /^[0-9a-f]{64}$/.test(name))!;
  const trees = await readdir(join(temp.path, "cache", own, "data"));
  expect(trees.length).toBeGreaterThan(1);
  const [victim] = trees as [string, ...string[]];
  const key = `repo/data/${victim.slice(0, 2)}/${victim}`;
  const whole = new Uint8Array(await (await requestObjectStore(server, "GET", `/${place.bucket}/${key}`)).arrayBuffer());
  const damaged = Uint8Array.from(whole, (byte, at) => (at === 40 ? byte ^ 1 : byte));
  await requestObjectStore(server, "PUT", `/${place.bucket}/${key}`, { body: damaged });
  try {
    // What this machine has is whole, so it goes on; the check must not say so of the store.
    await opened(keeping, reads["find in all snapshots"]!);
    await check(keeping, false)();
    expect(report!.errors.map(({ kind }) => kind)).toContain("tree-damaged");
  } finally {
    await requestObjectStore(server, "PUT", `/${place.bucket}/${key}`, { body: whole });
  }
  await check(keeping, false)();
  expect(report!.errors).toEqual([]);
  expect((await listObjectKeys(server, place.bucket, "repo/data/")).length).toBeGreaterThan(1);
}, 240_000);

test("several at once fill and damage one cache, and each reads what is right", async () => {
  await rm(join(temp.path, "cache"), { recursive: true, force: true });
  const work = reads["find in all snapshots"]!;
  let stop = false;
  const vandal = (async () => {
    let round = 0;
    while (!stop) {
      const root = join(temp.path, "cache");
      const names = await readdir(root, { recursive: true }).catch(() => []);
      for (const name of names.filter((each) => /[0-9a-f]{64}\/[a-z]+\/[0-9a-f]{64}$/.test(each))) {
        const path = join(root, name);
        if (round++ % 3 === 0) await rm(path, { force: true });
        else {
          const bytes = await readFile(path).catch(() => Buffer.alloc(0));
          if (bytes.length > 0) await writeFile(path, bytes.subarray(0, round % bytes.length)).catch(() => undefined);
        }
      }
    }
    return round;
  })();
  await Promise.all([1, 2, 3, 4].map(() => opened(keeping, work)));
  await Promise.all([1, 2, 3, 4].map(() => opened(keeping, work)));
  stop = true;
  expect(await vandal).toBeGreaterThan(10);
  await opened(keeping, work);
  await opened(keeping, work);
  expect((await counting(() => opened(keeping, work))).metadata).toBe(0);
  expect((await stat(join(temp.path, "cache"))).isDirectory()).toBe(true);
}, 240_000);
