import { link, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import { createTempFolder, runCommand, type SshHost, startSshHost, type TempFolder } from "../services/index.ts";
import { expectRefusal, runLifeboat } from "./run-lifeboat.ts";
import { initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

let temp: TempFolder;
let ssh: SshHost;
let tree: string;

const place = (name: string) => join(temp.path, name);
const lifeboat = (...args: string[]) => runLifeboat(temp.path, args);
const onRepository = (name: string) => ["--repo", place(name), "--password-file", place("password")];

beforeAll(async () => {
  temp = await createTempFolder("damage");
  ssh = await startSshHost();
  tree = place("tree");
  await mkdir(tree);
  const random = createSeededRandom(2);
  for (let index = 0; index < 8; index++) {
    await writeFile(join(tree, `file-${index}`), random.bytes(400_000));
    await link(join(tree, `file-${index}`), join(tree, `same-${index}`));
  }
  await mkdir(place("images"));
  await writeFile(place("images/disk.img"), random.bytes(40 * 1024 * 1024));
  await writeFile(place("images/notes"), "kept\n");
  const policies = `  trees:
    hosts: [web1]
    repository: main
    schedule: { every: 1h }
    sources:
      - { name: tree, type: files, paths: [${JSON.stringify(tree)}] }
      - { name: images, type: files, paths: [${JSON.stringify(place("images"))}] }
`;
  const repository = { url: place("repo"), password: "of the damaged one" };
  const configFile = await writeFaultConfig({ folder: temp.path, repository, ssh, policies });
  await initFaultRepository(repository);
  const { exitCode, stderr } = await lifeboat("--config", configFile, "backup", "run", "trees", "--here");
  expect(exitCode, stderr).toBe(0);
}, 120_000);

afterAll(async () => {
  await ssh?.stop();
  await temp?.remove();
});

interface Pack {
  readonly path: string;
  readonly bytes: number;
}

/** A copy of the repository to damage, and its packs. */
async function copyRepository(name: string): Promise<Pack[]> {
  await runCommand("cp", ["-a", place("repo"), place(name)]);
  await runCommand("chmod", ["-R", "u+w", place(name)]);
  const data = join(place(name), "data");
  const paths = (await readdir(data, { recursive: true })).map((each) => join(data, each));
  const packs: Pack[] = [];
  for (const path of paths) {
    const found = await stat(path);
    if (found.isFile()) packs.push({ path, bytes: found.size });
  }
  return packs;
}

/** The contents of the eight files of 400 000 bytes fill a pack of their own. */
const ofTree = (packs: Pack[]) => packs.find(({ bytes }) => bytes > 3_000_000 && bytes < 3_500_000)!;
/** No other file is as large as a pack: the largest one holds pieces of it. */
const ofImage = (packs: Pack[]) => packs.toSorted((a, b) => b.bytes - a.bytes)[0]!;

async function flipByte({ path }: Pack, at: number): Promise<void> {
  await using file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.from([byte[0]! ^ 1]), 0, 1, at);
  await file.sync();
}

test("one byte turned over in a pack: check with --read-data finds it with exit code 6, and a restore keeps all the rest and says what is missing", async () => {
  await flipByte(ofTree(await copyRepository("flipped")), 1_000_000);
  const checked = await lifeboat("repo", "check", "--read-data", ...onRepository("flipped"));
  expect(checked.exitCode, checked.stderr).toBe(6);
  expect(checked.stderr).toMatch(/DAMAGED[\s\S]*\n {2}next {3}do not prune/);
  expect(checked.stderr).toMatch(/lost: .*\/file-\d/);

  const target = place("from-flipped");
  const restored = await lifeboat("restore", "web1/tree@latest", "--to", target, ...onRepository("flipped"));
  expect(restored.exitCode, restored.stderr).toBe(3);
  const missing = await compareTrees(tree, join(target, tree));
  const names = missing.map((line) => /(file|same)-\d/.exec(line)?.[0] ?? line).toSorted();
  const [, number] = /file-(\d)/.exec(names[0] ?? "") ?? [];
  expect(names).toEqual([`file-${number}`, `same-${number}`]);
  for (const name of names) expect(restored.stderr).toMatch(new RegExp(`^ {2}! .*/${name}: `, "m"));
}, 120_000);

test("a damaged piece of a file as large as several packs: the file keeps its other bytes and is named, the rest is whole", async () => {
  await flipByte(ofImage(await copyRepository("image")), 6_000_000);
  const target = place("from-image");
  const args = ["restore", "web1/images@latest", "--to", target, ...onRepository("image")];
  const restored = await lifeboat(...args);
  expect(restored.exitCode, restored.stderr).toBe(3);
  expect(restored.stderr).toMatch(/^ {2}! .*\/disk\.img: .*zeros/m);
  const different = await compareTrees(place("images"), join(target, place("images")));
  expect(different).toEqual([expect.stringMatching(/^>fc\S* disk\.img$/)]);
  const [was, is] = await Promise.all([readFile(place("images/disk.img")), readFile(join(target, place("images/disk.img")))]);
  let differs = 0;
  for (let at = 0; at < was.length; at += 4096)
    if (!was.subarray(at, at + 4096).equals(is.subarray(at, at + 4096))) differs += 4096;
  // One blob has at most 8 MiB.
  expect(differs).toBeGreaterThan(0);
  expect(differs).toBeLessThan(9 * 1024 * 1024);

  const readBack = await lifeboat(...args.with(3, place("read-back")), "--read-back");
  expect(readBack.exitCode, readBack.stderr).toBe(3);
}, 120_000);

test("a pack that was cut off: check finds it by its size alone, with exit code 6", async () => {
  const { path, bytes } = ofTree(await copyRepository("cut"));
  await truncate(path, bytes - 1);
  const { exitCode, stderr } = await lifeboat("repo", "check", ...onRepository("cut"));
  expect(exitCode, stderr).toBe(6);
  expect(stderr).toMatch(/DAMAGED[\s\S]*\n {2}next {3}do not prune/);
});

test("a pack that is gone: check finds it, prune refuses, and nothing more is lost", async () => {
  await rm(ofTree(await copyRepository("gone")).path);
  const { exitCode, stderr } = await lifeboat("repo", "check", ...onRepository("gone"));
  expect(exitCode, stderr).toBe(6);
  const listed = async () => (await readdir(place("gone/data"), { recursive: true })).toSorted();
  const before = await listed();
  const pruned = await lifeboat("repo", "prune", "--yes", ...onRepository("gone"));
  expectRefusal(pruned, { exitCode: 1, code: "repository-damaged", message: /pack|blob/, next: /repo check/ });
  expect(await listed()).toEqual(before);
});
