import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import { createTempFolder, type SshHost, startSshHost, type TempFolder } from "../services/index.ts";
import { mountTmpfs, type SmallDisk } from "./mount-tmpfs.ts";
import { expectRefusal, runLifeboat } from "./run-lifeboat.ts";
import { initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

let temp: TempFolder;
let ssh: SshHost;
let tree: string;
let disks: (SmallDisk | string)[];

const place = (name: string) => join(temp.path, name);
const lifeboat = (...args: string[]) => runLifeboat(temp.path, args);
const random = createSeededRandom(3);

beforeAll(async () => {
  temp = await createTempFolder("full");
  ssh = await startSshHost();
  tree = place("tree");
  await mkdir(tree);
  for (let index = 0; index < 5; index++) await writeFile(join(tree, `file-${index}`), random.bytes(20_000));
  disks = [await mountTmpfs(place("repository-disk"), 16), await mountTmpfs(place("target-disk"), 16)];
}, 60_000);

afterAll(async () => {
  for (const disk of disks ?? []) if (typeof disk !== "string") await disk.unmount();
  await ssh?.stop();
  await temp?.remove();
});

async function configure(folder: string, url: string): Promise<string> {
  await mkdir(place(folder));
  const policies = `  trees:
    hosts: [web1]
    repository: main
    schedule: { every: 1h }
    sources: [{ name: tree, type: files, paths: [${JSON.stringify(tree)}] }]
`;
  const repository = { url, password: "of the full one" };
  const configFile = await writeFaultConfig({ folder: place(folder), repository, ssh, policies });
  await initFaultRepository(repository);
  return configFile;
}

const backUp = (configFile: string) => lifeboat("--config", configFile, "backup", "run", "web1/tree", "--here");

async function snapshots(configFile: string): Promise<unknown[]> {
  const { exitCode, stdout, stderr } = await lifeboat("--config", configFile, "snapshots", "--json");
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout) as unknown[];
}

async function addLargeFile(): Promise<void> {
  await writeFile(join(tree, "large"), random.bytes(40 * 1024 * 1024));
  onTestFinished(() => rm(join(tree, "large"), { force: true }));
}

test("no space for the repository: exit code 1, the older snapshot stays whole, and with more space the same command succeeds", async ({
  skip,
}) => {
  const [disk] = disks;
  if (typeof disk !== "object") return skip(disk ?? "no disk");
  const configFile = await configure("full-repository", join(disk.folder, "repo"));
  const first = await backUp(configFile);
  expect(first.exitCode, first.stderr).toBe(0);
  await addLargeFile();
  expectRefusal(await backUp(configFile), { exitCode: 1, code: "store-full", message: /no space|full/i, next: /[Ff]ree space/ });
  expect(await snapshots(configFile)).toHaveLength(1);
  const checked = await lifeboat("--config", configFile, "repo", "check", "--read-data");
  expect(checked.exitCode, checked.stderr).toBe(0);
  await disk.resize(96);
  const again = await backUp(configFile);
  expect(again.exitCode, again.stderr).toBe(0);
  expect(await snapshots(configFile)).toHaveLength(2);
}, 120_000);

test("no space for a restore: exit code 1, the repository is untouched, and with more space a new folder is whole", async ({
  skip,
}) => {
  const [, disk] = disks;
  if (typeof disk !== "object") return skip(disk ?? "no disk");
  const configFile = await configure("full-target", place("repo"));
  await addLargeFile();
  const stored = await backUp(configFile);
  expect(stored.exitCode, stored.stderr).toBe(0);
  expectRefusal(await lifeboat("--config", configFile, "restore", "latest", "--to", join(disk.folder, "one")), {
    exitCode: 1,
    code: "target-full",
    message: /space/,
    next: /[Ff]ree space/,
  });
  await disk.resize(96);
  const target = join(disk.folder, "two");
  const restored = await lifeboat("--config", configFile, "restore", "latest", "--to", target);
  expect(restored.exitCode, restored.stderr).toBe(0);
  expect(await compareTrees(tree, join(target, tree))).toEqual([]);
}, 120_000);
