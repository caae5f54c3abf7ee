import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { cheapenKey } from "../../../test/fixtures/cheapen-key.ts";
import { compareTrees } from "../../../test/fixtures/compare-trees.ts";
import { buildNastyTree } from "../../../test/fixtures/nasty-tree.ts";
import { type SshHost, startSshHost } from "../../../test/services/index.ts";
import { createPlace, jsonLines, type Place } from "./test-command-line.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: Place;
/** Has everything, and an appliance that has only SFTP. */
let full: SshHost;
let box: SshHost;
let tree: string;

beforeAll(async () => {
  place = createPlace();
  [full, box] = await Promise.all([startSshHost(), startSshHost({ sshdLines: ["ForceCommand internal-sftp -R"] })]);
  tree = join(full.folder, "tree");
  mkdirSync(tree);
  await buildNastyTree(tree, { largeFiles: false });
  mkdirSync(join(box.folder, "data"));
  for (let at = 0; at < 20; at++) writeFileSync(join(box.folder, "data", `${at}`), `${at}`);
  place.write("password", "correct horse\n");
  const entry = ({ port, user, identityFile, knownHostsFile }: SshHost, more = "") =>
    `{ address: 127.0.0.1, port: ${port}, user: ${user}, identity: "${identityFile}", known_hosts: "${knownHostsFile}"${more} }`;
  place.write(
    "lifeboat.yaml",
    `version: 1
repositories: { main: { url: "${place.at("main")}", password: { file: "${place.at("password")}" } } }
control: { state: "${place.at("state")}" }
hosts:
  full: ${entry(full, ", transfer: sftp")}
  box: ${entry(box)}
policies:
  nasty:
    hosts: [full]
    repository: main
    # Devices have numbers, and some times do not fit: what SFTP cannot tell at all.
    sources: [{ name: tree, type: files, paths: ["${tree}"], exclude: ["special/*", "times/*before-epoch", "times/*far-future"] }]
  boxes:
    hosts: [box]
    repository: main
    sources: [{ name: data, type: files, paths: ["${join(box.folder, "data")}"] }]
`,
  );
  const made = await place.run(["repo", "init", "--repo", "main"]);
  expect(made.code, made.err).toBe(0);
  await cheapenKey(place.at("main"), "correct horse");
});
afterAll(async () => {
  await Promise.all([full?.stop(), box?.stop()]);
  place?.remove();
});

test("host check says which way files are read, and what that loses", async () => {
  const checked = await place.run(["host", "check", "box"]);
  expect(checked.code, checked.out + checked.err).toBe(0);
  expect(checked.out).toMatch(/files are read over SFTP, without .*hard links.*it runs no commands.*-> set transfer: sftp/);
  expect(checked.out).toMatch(/asset box\/data: .* is there/);
  const chosen = await place.run(["host", "check", "full"]);
  expect([chosen.code, chosen.out]).toEqual([0, expect.stringMatching(/✓ .*over SFTP, without .*\(transfer: sftp\)/)]);
});

test("what SFTP tells of a tree comes back, an unchanged one is not read again, and what is lost is said", async () => {
  const first = await place.run(["backup", "run", "nasty", "--here"]);
  expect(first.code, first.err).toBe(0);
  expect(first.err).toMatch(/read over SFTP without change times, .*hard links.*same second/);
  const second = await place.run(["backup", "run", "nasty", "--here", "--json"]);
  const summary = jsonLines(second.out).at(-1);
  expect(summary).toMatchObject({ result: "passed", files_new: 0, files_changed: 0, data_blobs: 0 });
  expect(summary?.lost).toContain("xattrs");

  const job = await place.run(["job", "show", String(summary?.job), "--here"]);
  expect([job.code, job.out]).toEqual([0, expect.stringMatching(/^Read {6}over SFTP, without change times/m)]);
  expect(job.out).toMatch(/^Host {6}.*Linux .*; its clock is \d+\.\d s (ahead|behind)$/m);

  const shown = await place.run(["snapshots", "show", "full/tree@latest"]);
  expect([shown.code, shown.out]).toEqual([0, expect.stringMatching(/^read +over SFTP, without change times/m)]);
  const json = jsonLines((await place.run(["snapshots", "show", "full/tree@latest", "--json"])).out)[0];
  expect(json?.lifeboat).toMatchObject({ problem_count: 0, lost: expect.arrayContaining(["acls", "inodes"]) });

  const restored = await place.run(["restore", "full/tree@latest", "--to", place.at("restored")]);
  expect(restored.code, restored.err).toBe(0);
  const different = await compareTrees(tree, join(place.at("restored"), tree), "told by SFTP");
  const excluded = /(special\/|times\/.*(before-epoch|far-future|long-ago))/;
  expect(different.filter((line) => !excluded.test(line))).toEqual([]);
  expect(different.length).toBeGreaterThan(0);
});

test("a changed file is read again; one of the same size within the same second is what is said to be missed", async () => {
  expect((await place.run(["backup", "run", "boxes", "--here"])).code).toBe(0);
  const change = (name: string, text: string, time: Date) => {
    writeFileSync(join(box.folder, "data", name), text);
    utimesSync(join(box.folder, "data", name), time, time);
  };
  change("7", "longer", new Date());
  change("8", "x", new Date("2030-01-01T00:00:00Z"));
  const again = await place.run(["backup", "run", "boxes", "--here", "--json"]);
  expect(jsonLines(again.out).at(-1)).toMatchObject({ result: "passed", files_changed: 2, files_unmodified: 18 });
  const cat = await place.run(["cat", `box/data@latest:${join(box.folder, "data/8")}`]);
  expect(cat.out).toBe("x");
});

test("a restore to a host without tools says what is missing there, and writes nothing", async () => {
  const back = await place.run(["restore", "box/data@latest", "--to", `box:${join(box.folder, "back")}`]);
  expect([back.code, back.err]).toEqual([1, expect.stringMatching(/needs a shell, GNU find and GNU tar there/)]);
  expect(existsSync(join(box.folder, "back"))).toBe(false);
  expect(readFileSync(join(box.folder, "data/8"), "utf8")).toBe("x");
});
