import { chmod, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatRunId } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { buildNastyTree } from "../fixtures/nasty-tree.ts";
import { createRandomBytes } from "../fixtures/random-bytes.ts";
import {
  createTempFolder,
  ownAccountFiles,
  runCommand,
  type SshHost,
  startSshHost,
  startTcpProxy,
  type TcpProxy,
  type TempFolder,
} from "../services/index.ts";
import { pullUntilKilled } from "./pull-until-killed.ts";
import { runLifeboat } from "./run-lifeboat.ts";
import { initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

const isRoot = process.getuid?.() === 0;
const account = "puller";
const mebibyte = 1024 * 1024;
const randomBytes = createRandomBytes(7);

let temp: TempFolder;
let ssh: SshHost;
let proxy: TcpProxy;

beforeAll(async () => {
  if (!isRoot) return;
  temp = await createTempFolder("least");
  ssh = await startSshHost({ user: account, ownFiles: ownAccountFiles(account) });
  proxy = await startTcpProxy({ target: ssh });
  await chmod(ssh.folder, 0o755);
}, 60_000);

afterAll(async () => {
  await proxy?.stop();
  await ssh?.stop();
  await temp?.remove();
});

interface Set {
  readonly folder: string;
  readonly tree: string;
  readonly repository: { readonly url: string; readonly password: string };
  readonly configFile: string;
  lifeboat(...args: string[]): Promise<Record<string, unknown>>;
}

/** A configuration, a repository, and on the host what 'host setup' prints for it. */
async function setUp(name: string, sudo: boolean): Promise<Set> {
  const folder = join(temp.path, name);
  const tree = join(ssh.folder, `tree of ${name}`);
  await mkdir(folder);
  await mkdir(tree);
  const repository = { url: join(folder, "repo"), password: "of the least" };
  const knownHostsFile = join(folder, "known_hosts");
  await writeFile(knownHostsFile, (await readFile(ssh.knownHostsFile, "utf8")).replace(`:${ssh.port}`, `:${proxy.port}`));
  const policies = `  trees:
    hosts: [web1]
    repository: main
    sources: [{ name: tree, type: files, paths: [${JSON.stringify(tree)}] }]
`;
  const host = { address: proxy.address, port: proxy.port, user: account, identityFile: ssh.identityFile, knownHostsFile };
  const configFile = await writeFaultConfig({ folder, repository, ssh: host, policies });
  if (sudo) await writeFile(configFile, (await readFile(configFile, "utf8")).replace('web1: {"', 'web1: {"sudo":true,"'));
  await initFaultRepository(repository);
  /** The last object of its answer. */
  const lifeboat = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await runLifeboat(folder, ["--config", configFile, "--json", ...args]);
    expect(exitCode, `lifeboat ${args.join(" ")}\n${stdout}\n${stderr}`).toBe(0);
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
  };
  const setup = await lifeboat("host", "setup", "web1", "--path", join(ssh.folder, `pull-${name}`));
  await writeFile(String(setup.script_path), String(setup.script), { mode: 0o755 });
  await writeFile(join(ssh.folder, "authorized_keys"), `${setup.authorized_keys}\n`);
  await writeFile(join(ssh.folder, "own-etc-sudoers"), sudo ? `${setup.sudoers}\n` : "");
  expect(setup.sudoers === undefined || setup.sudoers === null).toBe(!sudo);
  return { folder, tree, repository, configFile, lifeboat };
}

async function expectRestored({ folder, tree, lifeboat }: Set, name: string): Promise<void> {
  const target = join(folder, name);
  await lifeboat("restore", "web1/tree@latest", "--to", target, "--read-back");
  expect(await compareTrees(tree, join(target, tree))).toEqual([]);
}

/** A large file is stopped while it comes; the next run reads its rest alone. */
async function expectResumed(set: Set): Promise<void> {
  const path = join(set.tree, "large");
  await writeFile(path, randomBytes(72 * mebibyte), { mode: 0o644 });
  const { configFile, repository } = set;
  const runId = formatRunId({ kind: "backup", object: "web1/tree", slot: Date.UTC(2026, 10, 22, 2) });
  await pullUntilKilled({ configFile, repository, asset: "web1/tree", runId }, proxy, 66 * mebibyte);
  const again = await set.lifeboat("backup", "run", "web1/tree", "--here");
  expect(again).toMatchObject({ result: "passed", files_new: 1 });
  expect(Number(again.bytes_resumed)).toBeGreaterThan(mebibyte);
  expect(Number(again.bytes_received)).toBeLessThan(72 * mebibyte - Number(again.bytes_resumed) + 8 * mebibyte);
  await expectRestored(set, "resumed");
}

describe.skipIf(!isRoot)("with what 'host setup' prints in place (needs root, for an account of the host's own)", () => {
  test("sudo: a nasty tree that only root can read comes whole, unchanged, changed and resumed", async () => {
    const set = await setUp("sudo", true);
    const { missing } = await buildNastyTree(set.tree, { largeFiles: false });
    for (const line of missing) console.log(`not on this machine: ${line}`);
    await set.lifeboat("host", "check", "web1");
    const first = await set.lifeboat("backup", "run", "web1/tree", "--here");
    expect(first).toMatchObject({ result: "passed", error_count: 0 });
    const second = await set.lifeboat("backup", "run", "web1/tree", "--here");
    expect(second).toMatchObject({ result: "passed", files_new: 0, files_changed: 0, files_unmodified: first.files_new });
    await expectRestored(set, "first");
    await rm(join(set.tree, "names"), { recursive: true });
    const third = await set.lifeboat("backup", "run", "web1/tree", "--here");
    expect(third).toMatchObject({ result: "passed", files_new: 0 });
    await expectResumed(set);
  }, 900_000);

  test("no sudo: what the account itself can read comes whole, with attributes, holes and further names", async () => {
    const set = await setUp("plain", false);
    const inTree = (name: string) => join(set.tree, name);
    await mkdir(inTree("folder\nwith 'quotes'"));
    await writeFile(inTree("folder\nwith 'quotes'/-rf"), "as it is\n");
    await writeFile(inTree("hole"), "end");
    await truncate(inTree("hole"), 64 * mebibyte);
    await runCommand("ln", [inTree("hole"), inTree("further")]);
    await runCommand("setfattr", ["-n", "user.note", "-v", "kept", inTree("hole")]);
    await runCommand("chown", ["-R", "64123:64123", set.tree]);
    await set.lifeboat("host", "check", "web1");
    const first = await set.lifeboat("backup", "run", "web1/tree", "--here");
    expect(first).toMatchObject({ result: "passed", error_count: 0 });
    const second = await set.lifeboat("backup", "run", "web1/tree", "--here");
    expect(second).toMatchObject({ result: "passed", files_new: 0, files_changed: 0 });
    await expectRestored(set, "first");
    await expectResumed(set);
  }, 900_000);
});
