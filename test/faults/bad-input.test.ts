import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import {
  createTempFolder,
  findFreePort,
  type ObjectStore,
  objectStoreEnvironment,
  type SshHost,
  startObjectStore,
  startSshHost,
  type TempFolder,
} from "../services/index.ts";
import { expectRefusal, runLifeboat } from "./run-lifeboat.ts";
import {
  createRepositoryPlace,
  type FaultRepositoryInStore,
  initFaultRepository,
  writeFaultConfig,
} from "./write-fault-config.ts";

let temp: TempFolder;
let ssh: SshHost;
let store: ObjectStore;
let repository: FaultRepositoryInStore;
let tree: string;
let policies: string;
let configFile: string;

const lifeboat = (...args: string[]) => runLifeboat(temp.path, args);
const configured = (...args: string[]) => lifeboat("--config", configFile, ...args);
const backUp = () => configured("backup", "run", "web1/tree", "--here");

/** The same configuration with something wrong in it. */
async function spoiledConfig(name: string, spoil: (text: string) => string): Promise<string> {
  const before = await readFile(configFile, "utf8");
  const after = spoil(before);
  expect(after).not.toBe(before);
  const path = join(temp.path, name);
  await writeFile(path, after);
  return path;
}

async function snapshots(): Promise<string[]> {
  const { exitCode, stdout, stderr } = await configured("snapshots", "--json");
  expect(exitCode, stderr).toBe(0);
  return (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id);
}

beforeAll(async () => {
  temp = await createTempFolder("bad-input");
  [ssh, store] = await Promise.all([startSshHost(), startObjectStore()]);
  repository = await createRepositoryPlace(store);
  tree = join(temp.path, "tree");
  await mkdir(tree);
  const random = createSeededRandom(1);
  for (let index = 0; index < 5; index++) await writeFile(join(tree, `file-${index}`), random.bytes(20_000));
  policies = `  trees:
    hosts: [web1]
    repository: main
    schedule: { every: 1h }
    sources: [{ name: tree, type: files, paths: [${JSON.stringify(tree)}] }]
`;
  configFile = await writeFaultConfig({ folder: temp.path, repository, ssh, policies });
  await initFaultRepository(repository);
  const first = await backUp();
  expect(first.exitCode, first.stderr).toBe(0);
}, 180_000);

afterAll(async () => {
  await ssh?.stop();
  await temp?.remove();
});

test("a wrong repository password: exit code 12, and the right one still opens everything", async () => {
  await writeFile(join(temp.path, "wrong-password"), "battery staple\n", { mode: 0o600 });
  const wrong = await spoiledConfig("wrong-password.yaml", (text) =>
    text.replace("password: { file: password }", "password: { file: wrong-password }"),
  );
  const refusal = { exitCode: 12, code: "wrong-password", message: /password/, next: /password/ };
  for (const args of [
    ["snapshots"],
    ["backup", "run", "web1/tree", "--here"],
    ["repo", "check"],
    ["restore", "latest", "--to", "x"],
  ]) {
    const result = await lifeboat("--config", wrong, ...args);
    expectRefusal(result, refusal);
    expect(result.stdout + result.stderr).not.toContain("battery");
  }
  const byHand = ["snapshots", "--repo", repository.url, "--password-file", join(temp.path, "wrong-password"), "--json"];
  const asData = await runLifeboat(temp.path, byHand, objectStoreEnvironment(store));
  expect(asData.exitCode).toBe(12);
  expect(JSON.parse(asData.stderr.trim().split("\n").at(-1) ?? "")).toMatchObject({
    message_type: "exit_error",
    code: 12,
    error: "wrong-password",
  });
  expect(await snapshots()).toHaveLength(1);
}, 120_000);

test("a missing bucket: exit code 10, and none is created", async () => {
  const missing = await spoiledConfig("missing-bucket.yaml", (text) =>
    text.replaceAll(repository.bucket, "no-such-bucket-anywhere"),
  );
  const refusal = { exitCode: 10, code: "store-bucket-missing", message: /no-such-bucket-anywhere/, next: /bucket/ };
  expectRefusal(await lifeboat("--config", missing, "snapshots"), refusal);
  expectRefusal(await lifeboat("--config", missing, "backup", "run", "web1/tree", "--here"), refusal);
  expectRefusal(await lifeboat("--config", missing, "repo", "check"), refusal);
}, 120_000);

test("a host whose key has changed: exit code 1, nothing is read from it, and the known key still works", async () => {
  const other = await startSshHost();
  onTestFinished(() => other.stop());
  const before = await snapshots();
  // Somebody else's machine answers at the address: its own key, where known_hosts has the real one's.
  const known = (await readFile(ssh.knownHostsFile, "utf8")).replace(`:${ssh.port} `, `:${other.port} `);
  await writeFile(join(temp.path, "known_hosts"), known);
  const changed = await spoiledConfig("changed-key.yaml", (text) =>
    text.replace(`"port":${ssh.port}`, `"port":${other.port}`).replace(ssh.knownHostsFile, join(temp.path, "known_hosts")),
  );
  expectRefusal(await lifeboat("--config", changed, "backup", "run", "web1/tree", "--here"), {
    exitCode: 1,
    code: "host-key-changed",
    message: /web1.*SHA256:/,
    next: /known_hosts/,
  });
  expect(other.log()).not.toMatch(/Accepted publickey/);
  expect(await snapshots()).toEqual(before);
  const again = await backUp();
  expect(again.exitCode, again.stderr).toBe(0);
  expect(await snapshots()).toHaveLength(before.length + 1);
}, 120_000);

test("a host that is down: exit code 1, and the snapshots there are stay", async () => {
  const before = await snapshots();
  const port = await findFreePort();
  const down = await spoiledConfig("host-down.yaml", (text) => text.replace(`"port":${ssh.port}`, `"port":${port}`));
  expectRefusal(await lifeboat("--config", down, "backup", "run", "web1/tree", "--here"), {
    exitCode: 1,
    code: "host-unreachable",
    message: new RegExp(`web1.*${port}`),
    next: /lifeboat doctor/,
  });
  expect(await snapshots()).toEqual(before);
  const target = join(temp.path, "restored-while-down");
  const restored = await lifeboat("--config", down, "restore", "web1/tree@latest", "--to", target);
  expect(restored.exitCode, restored.stderr).toBe(0);
  expect(await compareTrees(tree, join(target, tree))).toEqual([]);
}, 120_000);

test("an unknown key of the configuration: exit code 2, with its place and what was meant", async () => {
  const typing = await spoiledConfig("unknown-key.yaml", (text) =>
    text.replace("schedule: { every: 1h }", "shedule: { every: 1h }"),
  );
  const line = (await readFile(typing, "utf8")).split("\n").findIndex((text) => text.includes("shedule")) + 1;
  for (const args of [["config", "validate"], ["backup", "run", "web1/tree", "--here"], ["snapshots"]]) {
    const { exitCode, stdout, stderr } = await lifeboat("--config", typing, ...args);
    const all = `${args.join(" ")}\n${stdout}\n${stderr}`;
    expect(exitCode, all).toBe(2);
    expect(all).toContain(`unknown-key.yaml:${line}:5`);
    expect(all).toMatch(/shedule[\s\S]{0,200}did you mean "schedule"/i);
    expect(all).toMatch(/^\s*(\d*\s*\|)?\s*\^+/m);
  }
}, 120_000);
