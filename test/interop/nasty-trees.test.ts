import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { findNode, type Repository, restoreSnapshot, type Snapshot } from "@lifeboat/engine";
import { realClock } from "@lifeboat/host";
import { byteString, type Machine } from "@lifeboat/model";
import { createRestoreTarget, LocalMachine } from "@lifeboat/remote";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mountTmpfs } from "../faults/mount-tmpfs.ts";
import { compareByTools } from "../fixtures/compare-by-tools.ts";
import { judgeRestored } from "../fixtures/judge-restored.ts";
import { buildNastyTree } from "../fixtures/nasty-tree.ts";
import { connectTestHost, openTestRepository, pullTree, testPassword } from "../fixtures/pull-tree.ts";
import { restoreHere } from "../fixtures/restore-here.ts";
import {
  createTempFolder,
  findStockRestic,
  runCommand,
  type SshHost,
  startSshHost,
  stockRestic,
  type TempFolder,
} from "../services/index.ts";

const timeout = 240_000;
let temp: TempFolder;
let ssh: SshHost;
let url: string;
let repository: Repository;
let tree: string;
let snapshot: Snapshot;

beforeAll(async () => {
  temp = await createTempFolder("nasty-trees");
  ssh = await startSshHost();
  url = join(temp.path, "repository");
  repository = await openTestRepository({ url });
  tree = join(temp.path, "tree");
  await mkdir(tree);
  const { missing } = await buildNastyTree(tree, {
    largeFiles: false,
    hardLinks: 10_000,
    hardLinkFamilies: 1000,
    farTimes: true,
  });
  if (missing.length > 0) console.log(missing.join("\n"));
  // A socket is nobody's to restore: restic leaves it out as well.
  const script = "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])";
  await runCommand("python3", ["-c", script, join(temp.path, "tree/special/socket")]);
  const pulled = await pullTree(ssh, repository, tree);
  expect(pulled.problems).toEqual([]);
  snapshot = pulled.snapshot;
}, timeout);
afterAll(async () => {
  await repository?.close();
  await ssh?.stop();
  await temp?.remove();
});

async function restoreTo(machine: Machine, folder: string): Promise<void> {
  const target = createRestoreTarget(machine, byteString(folder));
  const options = { repository, snapshot, target, signal: new AbortController().signal, clock: realClock() };
  try {
    expect((await restoreSnapshot(options)).problems).toEqual([]);
  } finally {
    await machine.close();
  }
}

test("an unchanged one costs no reading, and makes the same tree", async () => {
  const again = await pullTree(ssh, repository, tree, snapshot);
  expect([again.problems, again.filesNew]).toEqual([[], 0]);
  // The folders above it are in the snapshot too, and others make files in them meanwhile.
  const folderOf = async ({ tree: root }: Snapshot) => (await findNode(repository, root, byteString(tree))).node.subtree;
  expect(await folderOf(snapshot)).toMatch(/^[0-9a-f]{64}$/);
  expect(await folderOf(again.snapshot)).toBe(await folderOf(snapshot));
});

test.each([
  ["a folder here", async () => new LocalMachine({ env: { PATH: process.env.PATH ?? "" } })],
  ["a host over SSH", () => connectTestHost(ssh)],
])(
  "comes back to %s with every byte and all metadata",
  async (label, connect) => {
    const target = join(temp.path, label.replaceAll(" ", "-"));
    await restoreTo(await connect(), target);
    expect(await readdir(join(target, tree, "special"))).not.toContain("socket");
    await rm(join(tree, "special/socket"), { force: true });
    await runCommand("touch", ["-r", join(target, tree, "special"), join(tree, "special")]);
    expect(await judgeRestored(tree, join(target, tree))).toEqual([]);
    await rm(target, { recursive: true });
  },
  timeout,
);

test(
  "stock restic gives back farms and families of hard links, devices and attributes",
  async ({ skip }) => {
    const found = await findStockRestic("0.18");
    if ("missing" in found) return skip(found.missing);
    await using restic = await stockRestic("0.18", { repository: url, password: testPassword });
    const target = join(temp.path, "by-restic");
    await restic.run(["restore", snapshot.id, "--target", target], { timeoutMs: timeout });
    for (const name of ["links", "special", "attributes", "modes", "owners"]) {
      expect(await judgeRestored(join(tree, name), join(target, tree, name)), name).toEqual([]);
    }
  },
  timeout,
);

test("a source with nothing in it comes back as nothing, and so does a folder of empty things", async () => {
  const bare = join(temp.path, "bare");
  await mkdir(join(bare, "empty"), { recursive: true });
  const { snapshot: pulled, problems } = await pullTree(ssh, repository, join(bare, "empty"));
  expect(problems).toEqual([]);
  const target = join(temp.path, "bare-target");
  expect((await restoreHere(repository, pulled, target)).problems).toEqual([]);
  expect(await judgeRestored(bare, join(target, bare))).toEqual([]);
});

/** Names and values as large as the kernel allows them; the disk's own file system may allow less. */
const setLargeAttributes = `import os, sys
path = sys.argv[1]
open(path, "w").close()
os.setxattr(path, "user.largest", os.urandom(65536))
os.setxattr(path, "user." + "n" * 250, b"=\\n\\0\\xff")
for number in range(200): os.setxattr(path, f"user.={number}%3D", bytes([number]) * 100)
`;

test("attributes as large as the kernel allows, with any bytes in them, come back", async ({ skip }) => {
  const disk = await mountTmpfs(join(temp.path, "in-memory"), 64);
  if (typeof disk === "string") return skip(disk);
  try {
    const source = join(disk.folder, "source");
    await mkdir(source);
    const made = await runCommand("python3", ["-c", setLargeAttributes, join(source, "file")], { accept: "any" });
    if (/Operation not supported|No space left/.test(made.stderr)) return skip(`no such attributes in memory: ${made.stderr}`);
    expect(made.stderr).toBe("");
    const { snapshot: pulled, problems } = await pullTree(ssh, repository, source);
    expect(problems).toEqual([]);
    const target = join(disk.folder, "target");
    expect((await restoreHere(repository, pulled, target)).problems).toEqual([]);
    expect(await compareByTools(source, join(target, source))).toEqual([]);
  } finally {
    await disk.unmount();
  }
});
