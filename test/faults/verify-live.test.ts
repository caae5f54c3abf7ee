import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { archiveFiles, BlobWriter } from "@lifeboat/engine";
import { openChosenRepository, openMachine } from "@lifeboat/jobs";
import { byteString, type FileSource } from "@lifeboat/model";
import { createHostSource } from "@lifeboat/remote";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import { createTempFolder, ownAccountFiles, type SshHost, startSshHost, type TempFolder } from "../services/index.ts";
import { openFaultContext } from "./open-fault-context.ts";
import { runLifeboat } from "./run-lifeboat.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const isRoot = process.getuid?.() === 0;
let temp: TempFolder;
let ssh: SshHost;
let tree: string;
let configFile: string;

const lifeboat = (...args: string[]) => runLifeboat(temp.path, args);
const configured = (...args: string[]) => lifeboat("--config", configFile, ...args);

async function verify(address: string, ...args: string[]) {
  const { exitCode, stdout, stderr } = await configured(
    "verify",
    address,
    "--against",
    "live",
    "--json",
    "--sample",
    "100%",
    ...args,
  );
  const summary = stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .find(({ message_type }) => message_type === "summary");
  return { exitCode, stderr, summary: summary ?? {} };
}

function writeConfig(name: string, host: SshHost, extra = ""): string {
  const path = join(temp.path, name);
  writeFileSync(
    path,
    `version: 1
repositories: { main: { url: "${join(temp.path, "repository")}", password: { file: password } } }
control: { state: "${join(temp.path, "state")}" }
hosts:
  pc: { address: 127.0.0.1, port: ${host.port}, user: ${host.user}, identity: "${host.identityFile}", known_hosts: "${host.knownHostsFile}"${extra} }
policies:
  trees: { hosts: [pc], repository: main, sources: [{ name: tree, type: files, paths: ["${tree}"], exclude: ["*.tmp"] }] }
`,
  );
  return path;
}

beforeAll(async () => {
  temp = await createTempFolder("verify-live");
  ssh = await startSshHost();
  chmodSync(temp.path, 0o755);
  tree = join(temp.path, "tree");
  const random = createSeededRandom(23);
  for (let folder = 0; folder < 4; folder++) {
    mkdirSync(join(tree, `folder-${folder}`), { recursive: true });
    for (let file = 0; file < 10; file++) writeFileSync(join(tree, `folder-${folder}`, `file-${file}`), random.bytes(3000));
  }
  writeFileSync(join(tree, "large"), random.bytes(3_000_000));
  writeFileSync(join(tree, "empty"), "");
  writeFileSync(join(tree, 'od\'d \n "name" \\ ü'), "odd");
  symlinkSync("large", join(tree, "link"));
  writeFileSync(join(temp.path, "password"), "correct horse\n", { mode: 0o600 });
  configFile = writeConfig("lifeboat.yaml", ssh);
  expect((await configured("repo", "init", "--repo", "main")).exitCode).toBe(0);
  const first = await configured("backup", "run", "pc/tree", "--here");
  expect(first.exitCode, first.stderr).toBe(0);
});
afterAll(async () => {
  await ssh?.stop();
  await temp?.remove();
});

/** A snapshot whose files are as on the host, but for what was read of one of them: it claims the same times. */
async function forgeSnapshot(path: string): Promise<string> {
  const context = openFaultContext(configFile);
  const repository = await openChosenRepository(context, { name: "main" });
  const machine = await openMachine(context, "pc");
  try {
    await repository.loadIndex();
    const real = createHostSource(
      machine,
      { transfer: "tar", clock: context.clock },
      { name: "tree", paths: [byteString(tree)] },
    );
    const source: FileSource = {
      ...real,
      async *read(entries, options) {
        for await (const events of real.read(entries, options)) {
          for (const event of events) {
            if (event.kind === "data" && entries[event.index]?.path === byteString(path))
              event.bytes[0] = (event.bytes[0] ?? 0) ^ 1;
          }
          yield events;
        }
      },
    };
    const { clock, signal } = context;
    const writer = new BlobWriter(repository, { signal });
    const archived = await archiveFiles({ repository, writer, source, clock, signal });
    await writer.finish();
    await writer.close();
    const fields = {
      time: new Date().toISOString(),
      tree: archived.tree,
      paths: [tree],
      hostname: "pc",
      username: "x",
      tags: ["asset=pc/tree"],
    };
    return (await repository.saveSnapshot(fields)).id;
  } finally {
    await machine.close();
    await repository.close();
  }
}

test("a host that is as its snapshot passes: every file was hashed there and read from the repository; one seed, one sample", async () => {
  const all = await verify("pc/tree");
  expect([all.exitCode, all.stderr]).toEqual([0, expect.any(String)]);
  expect(all.summary).toMatchObject({
    result: "passed",
    causes: [],
    files_unchanged: 43,
    files_sampled: 42,
    files_compared: 42,
    bytes_compared: 40 * 3000 + 3_000_000 + 3,
    entries_missing: 0,
    entries_new: 0,
    files_changed: 0,
  });
  expect(all.summary.seed).toBeTypeOf("number");
  const plain = await configured("verify", "pc/tree@latest", "--against", "live", "--sample", "5", "--seed", "7");
  expect([plain.exitCode, plain.stdout]).toEqual([
    0,
    expect.stringMatching(/5 of 43 unchanged files compared by content[\s\S]*--seed 7$/m),
  ]);
  const byHand = ["--repo", join(temp.path, "repository"), "--password-file", join(temp.path, "password")];
  expect(await verify("pc/tree", ...byHand)).toMatchObject({ exitCode: 0, summary: { files_compared: 42 } });
  for (const wrong of [
    ["--sample", "0%"],
    ["--sample", "some"],
    ["--tolerance", "5"],
    ["--seed", "-1"],
  ]) {
    expect((await configured("verify", "pc/tree", "--against", "live", ...wrong)).exitCode).toBe(2);
  }
  expect((await configured("verify", "pc/tree")).exitCode).toBe(2);
});

test("content that is not the snapshot's, behind the same size and times, is found, named, and nothing else is", async () => {
  const victim = join(tree, "folder-2/file-7");
  const id = await forgeSnapshot(victim);
  const { exitCode, summary } = await verify(id);
  expect([exitCode, summary.result]).toEqual([6, "failed"]);
  expect(summary.differences).toEqual([{ path: victim, detail: expect.stringContaining("other content than the snapshot") }]);
  expect(summary).toMatchObject({ files_compared: 42, difference_count: 1, causes: ["1 file differs from the snapshot"] });
  const plain = await configured("verify", id, "--against", "live", "--sample", "100%");
  expect([plain.exitCode, plain.stdout]).toEqual([6, expect.stringContaining(`✗ ${victim}: has other content`)]);
  expect((await configured("snapshots", "forget", id, "--repo", "main", "--yes")).exitCode).toBe(0);
});

test("over SFTP the sample is read and hashed here", async () => {
  const usual = configFile;
  configFile = writeConfig("sftp.yaml", ssh, ", transfer: sftp");
  try {
    // Made by tar, its times are finer than those that SFTP tells: nothing is as it was.
    const other = await verify("pc/tree", "--tolerance", "100%");
    expect([other.exitCode, other.summary.causes]).toEqual([7, [expect.stringContaining("no content could be compared")]]);
    const run = await configured("backup", "run", "pc/tree", "--here");
    expect(run.exitCode, run.stderr).toBe(0);
    const { exitCode, summary } = await verify("pc/tree");
    expect([exitCode, summary.files_compared]).toEqual([0, 42]);
    expect(summary.lost).toContain("change-times");
  } finally {
    configFile = usual;
    const back = await configured("backup", "run", "pc/tree", "--here");
    expect(back.exitCode, back.stderr).toBe(0);
  }
});

describe.skipIf(!isRoot)("as an account that may not read (needs root, for an account of the host's own)", () => {
  test("what cannot be hashed is inconclusive, and named", async () => {
    const account = "puller";
    const puller = await startSshHost({ user: account, ownFiles: ownAccountFiles(account) });
    const usual = configFile;
    const closed = join(tree, "folder-1/file-1");
    try {
      chmodSync(closed, 0o600);
      expect((await configured("backup", "run", "pc/tree", "--here")).exitCode).toBe(0);
      configFile = writeConfig("puller.yaml", puller);
      const { exitCode, summary } = await verify("pc/tree");
      expect([exitCode, summary.result, summary.unknown_count]).toEqual([7, "inconclusive", 1]);
      expect(summary.unknown).toEqual([
        { path: closed, detail: expect.stringMatching(/could not be hashed on the host: Permission denied/) },
      ]);
      // A folder that cannot be listed is not missing, and what is in it is not proven either.
      chmodSync(join(tree, "folder-1"), 0o700);
      const folder = await verify("pc/tree");
      expect([folder.exitCode, folder.summary.entries_missing, folder.summary.unknown_count]).toEqual([7, 0, 1]);
    } finally {
      chmodSync(join(tree, "folder-1"), 0o755);
      configFile = usual;
      await puller.stop();
    }
  });
});

test("what changed is counted apart; what is missing or new beyond the tolerance fails", async () => {
  expect((await configured("backup", "run", "pc/tree", "--here")).exitCode).toBe(0);
  writeFileSync(join(tree, "folder-0/file-0"), "changed");
  writeFileSync(join(tree, "left-out.tmp"), "excluded");
  rmSync(join(tree, "folder-0/file-1"));
  const within = await verify("pc/tree");
  expect([within.exitCode, within.summary]).toEqual([
    0,
    expect.objectContaining({ files_changed: 1, entries_missing: 1, entries_new: 0, files_unchanged: 41, snapshot_entries: 49 }),
  ]);
  const strict = await verify("pc/tree", "--tolerance", "1%");
  expect([strict.exitCode, strict.summary.causes]).toEqual([
    6,
    [
      "1 of 49 entries of the snapshot are missing: more than the tolerance of 1%",
      "1 of 42 files have changed since the snapshot: more than the tolerance of 1%",
    ],
  ]);
  rmSync(join(tree, "folder-3"), { recursive: true });
  const beyond = await verify("pc/tree");
  expect([beyond.exitCode, beyond.summary]).toEqual([
    6,
    expect.objectContaining({ result: "failed", entries_missing: 12, snapshot_entries: 49 }),
  ]);
  expect(beyond.summary.missing).toEqual(expect.arrayContaining([join(tree, "folder-3"), join(tree, "folder-0/file-1")]));
  const shown = await configured("verify", "pc/tree", "--against", "live");
  expect(shown.stdout).toContain(`- ${join(tree, "folder-3")} is missing on the host`);
  for (let at = 0; at < 30; at++) writeFileSync(join(tree, `new-${at}`), "");
  expect((await verify("pc/tree", "--tolerance", "30%")).summary.causes).toEqual([
    "30 of 49 entries are new since the snapshot: more than the tolerance of 30%",
  ]);
});

test("a repository whose data are damaged cannot give the files back: failed, each named", async () => {
  expect((await configured("backup", "run", "pc/tree", "--here")).exitCode).toBe(0);
  const packs = readdirSync(join(temp.path, "repository/data"), { recursive: true, encoding: "utf8" })
    .map((name) => join(temp.path, "repository/data", name))
    .filter((path) => statSync(path).isFile())
    .sort((a, b) => statSync(b).size - statSync(a).size);
  const largest = packs[0] as string;
  const bytes = readFileSync(largest);
  for (let at = 0; at < bytes.length - 10_000; at += 500) bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  chmodSync(largest, 0o600);
  writeFileSync(largest, bytes);
  const { exitCode, summary } = await verify("pc/tree");
  expect([exitCode, summary.result]).toEqual([6, "failed"]);
  expect(summary.difference_count).toBeGreaterThan(0);
  expect(summary.differences).toEqual(
    expect.arrayContaining([
      { path: join(tree, "large"), detail: expect.stringContaining("the repository cannot give it back") },
    ]),
  );
});
