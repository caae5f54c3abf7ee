import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Repository } from "@lifeboat/engine";
import { type JobContext, type RestoreOrder, type RestoreOutcome, runRestore } from "@lifeboat/jobs";
import { byteString, type Overwrite } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { buildNastyTree } from "../fixtures/nasty-tree.ts";
import { openTestRepository, pullTree, testPassword } from "../fixtures/pull-tree.ts";
import { createTempFolder, runCommand, type SshHost, startSshHost, type TempFolder } from "../services/index.ts";
import { openFaultContext } from "./open-fault-context.ts";
import { initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

const isRoot = process.getuid?.() === 0;
/** Has a login shell wherever Debian's base-passwd made the accounts it needs; the tests give it one for this sshd only. */
const account = "nobody";

describe.runIf(isRoot)("a login that is not root (needs root to make one)", () => {
  let temp: TempFolder;
  let root: SshHost;
  let plain: SshHost;
  let context: JobContext;
  let repository: Repository;
  let uid: number;
  const place = (name: string) => join(temp.path, name);

  beforeAll(async () => {
    temp = await createTempFolder("plain");
    chmodSync(temp.path, 0o755);
    const { stdout } = await runCommand("getent", ["passwd"]);
    const accounts = stdout.split("\n").map((line) => line.split(":"));
    uid = Number(accounts.find(([name]) => name === account)?.[2]);
    const passwd = accounts.map((fields) => (fields[0] === account ? [...fields.slice(0, 6), "/bin/sh"] : fields).join(":"));
    root = await startSshHost();
    plain = await startSshHost({ user: account, ownFiles: { "/etc/passwd": { content: passwd.join("\n"), mode: 0o644 } } });
    const at = { url: place("repo"), password: testPassword };
    await initFaultRepository(at);
    context = openFaultContext(await writeFaultConfig({ folder: temp.path, repository: at, ssh: plain, policies: "  {}\n" }));
    repository = await openTestRepository({ url: at.url });
  }, 60_000);
  afterAll(async () => {
    await repository?.close();
    await plain?.stop();
    await root?.stop();
    await temp?.remove();
  });

  async function snapshotOf(tree: string): Promise<RestoreOrder["snapshot"]> {
    const { snapshot, problems } = await pullTree(root, repository, tree);
    expect(problems).toEqual([]);
    return snapshot;
  }

  function makeTarget(name: string): string {
    mkdirSync(place(name));
    chownSync(place(name), uid, uid);
    return place(name);
  }

  const restore = (snapshot: RestoreOrder["snapshot"], target: string, overwrite?: Overwrite): Promise<RestoreOutcome> =>
    runRestore(context, {
      repository,
      snapshot,
      include: [],
      host: "web1",
      folder: byteString(target),
      verify: "metadata",
      overwrite,
    });

  test("restores all that it may, and counts owners, device nodes and attributes that it may not set: incomplete", async () => {
    const tree = place("nasty");
    mkdirSync(tree);
    await buildNastyTree(tree, { largeFiles: false });
    const outcome = await restore(await snapshotOf(tree), makeTarget("nasty-target"));
    expect(outcome.root).toBe(false);
    expect(outcome.verification.differences).toEqual([]);
    expect(outcome.verification.ownersNotSet).toBeGreaterThan(300);
    const names =
      (await runCommand("find", [join(tree, "special"), "-type", "b", "-o", "-type", "c"])).stdout.split("\n").length - 1;
    expect(outcome.devicesNotMade).toBe(names);
    expect(names).toBeGreaterThan(0);
    // security.capability of two files, an attribute of root alone and one of a security module.
    expect(outcome.attributesNotSet).toBe(4);
    expect(outcome.problemCount).toBe(names + 4);
    const there = join(place("nasty-target"), tree);
    expect(statSync(join(there, "sizes/text")).uid).toBe(uid);
    for (const folder of ["names", "sizes", "times", "links"]) {
      const lines = await compareTrees(join(tree, folder), join(there, folder));
      // Columns of rsync: o and g are owner and group.
      expect(lines.filter((line) => !/^[.ch][fdL][. ]{4}[o.][g.]/.test(line))).toEqual([]);
    }
  }, 120_000);

  test("owners alone that cannot be set leave the result as passed", async () => {
    const tree = place("simple");
    mkdirSync(join(tree, "closed/deeper"), { recursive: true });
    for (const name of ["one", "closed/two", "closed/three"]) writeFileSync(join(tree, name), name);
    chmodSync(join(tree, "closed"), 0o555);
    const snapshot = await snapshotOf(tree);
    const target = makeTarget("simple-target");
    const outcome = await restore(snapshot, target);
    expect(outcome).toMatchObject({ problemCount: 0, devicesNotMade: 0, attributesNotSet: 0 });
    expect(outcome.verification).toMatchObject({ differenceCount: 0 });
    expect(outcome.verification.ownersNotSet).toBeGreaterThan(5);

    // Its own folder without a right to write is no obstacle to completing it, and is closed again afterwards.
    const there = join(target, tree);
    unlinkSync(join(there, "closed/two"));
    writeFileSync(join(there, "closed/three"), "changed");
    rmSync(join(there, "closed/deeper"), { recursive: true });
    const completed = await restore(snapshot, target, "if-changed");
    expect(completed).toMatchObject({ problemCount: 0, files: 2, replaced: 1 });
    expect(completed.verification.differences).toEqual([]);
    expect(statSync(join(there, "closed")).mode & 0o7777).toBe(0o555);
  }, 60_000);

  test("what belongs to somebody else and cannot be replaced is named, and stays", async () => {
    const tree = place("foreign");
    mkdirSync(join(tree, "of-root"), { recursive: true });
    writeFileSync(join(tree, "of-root/file"), "new");
    writeFileSync(join(tree, "own"), "new");
    const snapshot = await snapshotOf(tree);
    const target = makeTarget("foreign-target");
    expect((await restore(snapshot, target)).problemCount).toBe(0);
    const folder = join(target, tree, "of-root");
    writeFileSync(join(folder, "file"), "changed");
    chownSync(folder, 0, 0);
    chmodSync(folder, 0o755);
    writeFileSync(join(target, tree, "own"), "changed");
    const outcome = await restore(snapshot, target, "if-changed");
    expect(outcome.files).toBe(2);
    expect(outcome.replaced).toBe(1);
    expect(outcome.verification.differences).toEqual([]);
    const named = outcome.problems.map(({ path }) => path.slice(tree.length));
    expect(named).toContain("of-root/file");
    expect(existsSync(join(folder, "file"))).toBe(true);
  }, 60_000);
});
