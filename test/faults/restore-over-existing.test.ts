import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Repository } from "@lifeboat/engine";
import { type JobContext, type RestoreOrder, type RestoreOutcome, runRestore } from "@lifeboat/jobs";
import { byteString, type Overwrite } from "@lifeboat/model";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { buildNastyTree } from "../fixtures/nasty-tree.ts";
import { openTestRepository, pullTree, testPassword } from "../fixtures/pull-tree.ts";
import { createTempFolder, runCommand, type SshHost, startSshHost, type TempFolder } from "../services/index.ts";
import { mountTmpfs } from "./mount-tmpfs.ts";
import { openFaultContext } from "./open-fault-context.ts";
import { initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

const isRoot = process.getuid?.() === 0;
let temp: TempFolder;
let ssh: SshHost;
let context: JobContext;
let repository: Repository;
let snapshot: RestoreOrder["snapshot"];
let tree: string;

beforeAll(async () => {
  temp = await createTempFolder("over");
  ssh = await startSshHost();
  tree = join(temp.path, "tree");
  mkdirSync(tree);
  await buildNastyTree(tree, { largeFiles: false });
  const place = { url: join(temp.path, "repo"), password: testPassword };
  await initFaultRepository(place);
  context = openFaultContext(await writeFaultConfig({ folder: temp.path, repository: place, ssh, policies: "  {}\n" }));
  repository = await openTestRepository({ url: place.url });
  const pulled = await pullTree(ssh, repository, tree);
  expect(pulled.problems).toEqual([]);
  snapshot = pulled.snapshot;
}, 240_000);
afterAll(async () => {
  await repository?.close();
  await ssh?.stop();
  await temp?.remove();
});

describe.each([
  ["this machine", undefined],
  ["a host over SSH", "web1"],
])("a folder that is not empty on %s", (label, host) => {
  /** As the snapshot; each test has a copy. */
  let pristine: string;
  let target: string;
  /** Where the tree stands in it. */
  let there: string;
  let number = 0;

  const restore = (overwrite: Overwrite | undefined, more: Partial<RestoreOrder> = {}): Promise<RestoreOutcome> =>
    runRestore(context, {
      repository,
      snapshot,
      include: [],
      host,
      folder: byteString(target),
      verify: "content",
      overwrite,
      ...more,
    });
  const at = (name: string) => join(there, name);

  beforeAll(async () => {
    pristine = target = join(temp.path, `${label.replaceAll(" ", "-")}-pristine`);
    const { problems, verification } = await restore(undefined);
    expect(problems).toEqual([]);
    expect(verification.differences).toEqual([]);
  }, 60_000);
  beforeEach(async () => {
    target = join(temp.path, `${label.replaceAll(" ", "-")}-${number++}`);
    there = join(target, tree);
    await runCommand("cp", ["-a", pristine, target]);
  });

  test("is refused when nothing was said, and nothing changes", async () => {
    unlinkSync(at("sizes/text"));
    await expect(restore(undefined)).rejects.toMatchObject({ code: "target-not-empty" });
    expect(existsSync(at("sizes/text"))).toBe(false);
  });

  test("is left alone where it is as the snapshot: nothing is read from the repository", async () => {
    const inode = lstatSync(at("sizes/text")).ino;
    const again = await restore("if-changed");
    expect(again).toMatchObject({ files: 0, bytes: 0, replaced: isRoot ? 3 : 0, kept: 0, bytesRead: 0, problemCount: 0 });
    expect(again.unchanged.files).toBeGreaterThan(300);
    expect(lstatSync(at("sizes/text")).ino).toBe(inode);
    expect(await compareTrees(tree, there)).toEqual([]);
    expect(readdirSync(target).filter((name) => name.includes("lifeboat-restore"))).toEqual([]);
  });

  /** Everything that can be wrong with a file that stands there. */
  function damage(): void {
    const replaceBy = (name: string, make: (path: string) => void) => {
      rmSync(at(name), { recursive: true });
      make(at(name));
    };
    writeFileSync(at("sizes/text"), "other");
    unlinkSync(at("sizes/random-1"));
    utimesSync(at("sizes/random-2"), 1, 1);
    chmodSync(at("modes/file-4755"), 0o600);
    if (isRoot) chownSync(at("owners/file-1-2"), 7, 8);
    lutimesSync(at("links/relative"), 5, 5);
    replaceBy("links/absolute", (path) => symlinkSync("elsewhere", path));
    replaceBy("special/fifo", (path) => writeFileSync(path, "no pipe"));
    replaceBy("sizes/zeros", (path) => symlinkSync("/etc/passwd", path));
    // One name of three becomes a file of its own, with the same look.
    copyFileSync(at("links/first"), at("links/copy"));
    execFileSync("touch", ["-r", at("links/first"), at("links/copy")]);
    renameSync(at("links/copy"), at("links/second"));
    rmSync(at("names/deep"), { recursive: true });
    chmodSync(at("names"), 0o700);
    writeFileSync(at("empty/of the user"), "stays");
  }

  test("if-changed: what differs is replaced, what is missing comes, what the snapshot does not have stays", async () => {
    damage();
    const outcome = await restore("if-changed");
    expect(outcome.problems).toEqual([]);
    expect(outcome.verification.differences).toEqual([]);
    expect(outcome.replaced).toBeGreaterThan(5);
    expect(readFileSync(at("empty/of the user"), "utf8")).toBe("stays");
    unlinkSync(at("empty/of the user"));
    await runCommand("touch", ["-r", join(tree, "empty"), at("empty")]);
    expect(await compareTrees(tree, there)).toEqual([]);
    expect(readFileSync("/etc/passwd", "utf8")).toContain("root");
  });

  test("always: every file is written anew, with all its names", async () => {
    damage();
    unlinkSync(at("empty/of the user"));
    const inode = lstatSync(at("sizes/random-4096")).ino;
    const outcome = await restore("always");
    expect(outcome.problems).toEqual([]);
    expect(outcome.unchanged.files).toBe(0);
    expect(await compareTrees(tree, there)).toEqual([]);
    expect(lstatSync(at("sizes/random-4096")).ino).not.toBe(inode);
    expect(lstatSync(at("links/second")).ino).toBe(lstatSync(at("links/first")).ino);
  });

  test("never: what stands there stays, what is missing comes, also as another name of a file that was changed", async () => {
    writeFileSync(at("sizes/text"), "precious");
    unlinkSync(at("sizes/random-1"));
    writeFileSync(at("links/first"), "changed in place, with all names");
    unlinkSync(at("links/second"));
    unlinkSync(at("links/deeper/third"));
    rmSync(at("times"), { recursive: true });
    symlinkSync(temp.path, at("times"));
    const outcome = await restore("never");
    expect(outcome.problems).toEqual([]);
    expect(outcome.verification.differences).toEqual([]);
    expect(outcome.replaced).toBe(0);
    expect(readFileSync(at("sizes/text"), "utf8")).toBe("precious");
    expect(readFileSync(at("links/second"), "utf8")).toBe("one content, three names\n");
    expect(lstatSync(at("links/second")).ino).toBe(lstatSync(at("links/deeper/third")).ino);
    expect(lstatSync(at("links/second")).ino).not.toBe(lstatSync(at("links/first")).ino);
    expect(lstatSync(at("times")).isSymbolicLink()).toBe(true);
    expect(existsSync(join(temp.path, "epoch"))).toBe(false);
    // text, first, the link and all that the snapshot has below it.
    expect(outcome.kept).toBeGreaterThan(20);
    expect(await compareTrees(join(tree, "names"), at("names"))).toEqual([]);
  });

  test("nothing is written through a link that stands where a folder belongs", async () => {
    const outside = join(temp.path, `outside-${label.length}-${number}`);
    mkdirSync(outside);
    writeFileSync(join(outside, "text"), "of somebody else");
    rmSync(at("sizes"), { recursive: true });
    symlinkSync(outside, at("sizes"));
    const outcome = await restore("if-changed");
    expect(outcome.problems).toEqual([]);
    expect(readdirSync(outside)).toEqual(["text"]);
    expect(readFileSync(join(outside, "text"), "utf8")).toBe("of somebody else");
    expect(await compareTrees(tree, there)).toEqual([]);
  });

  test("a hard link to a file outside is given up, the file outside is not written", async () => {
    const outside = join(temp.path, `linked-${label.length}-${number}`);
    writeFileSync(outside, "of somebody else");
    unlinkSync(at("sizes/text"));
    linkSync(outside, at("sizes/text"));
    expect((await restore("if-changed")).problems).toEqual([]);
    expect(readFileSync(outside, "utf8")).toBe("of somebody else");
    expect(await compareTrees(tree, there)).toEqual([]);
  });

  test("a folder where a file belongs is left alone and named", async () => {
    unlinkSync(at("sizes/text"));
    mkdirSync(at("sizes/text/inside"), { recursive: true });
    const outcome = await restore("always");
    expect(outcome.problems).toEqual([
      { path: `${tree.slice(1)}/sizes/text`, detail: expect.stringContaining("a folder stands where") },
    ]);
    expect(outcome.verification.differences).toEqual([]);
    expect(existsSync(at("sizes/text/inside"))).toBe(true);
  });

  test("verify-existing finds content and attributes that changed under the same size and time", async () => {
    const bytes = readFileSync(at("sizes/random-65536"));
    bytes[1234]! ^= 1;
    writeFileSync(at("sizes/random-65536"), bytes);
    await runCommand("touch", ["-r", join(tree, "sizes/random-65536"), at("sizes/random-65536")]);
    await runCommand("setfattr", ["-n", "user.text", "-v", "other", at("attributes/user")]);
    const blind = await restore("if-changed", { verify: "metadata" });
    expect(blind.files).toBe(0);
    const seeing = await restore("if-changed", { verify: "metadata", verifyExisting: true });
    expect(seeing.files).toBe(2);
    expect(await compareTrees(tree, there)).toEqual([]);
  });

  test("a dry run counts and changes nothing", async () => {
    damage();
    const before = await runCommand("find", [target, "-printf", "%p %i %s %m %T@ %C@\\n"], { encoding: "latin1" });
    const dry = await restore("if-changed", { dryRun: true });
    const after = await runCommand("find", [target, "-printf", "%p %i %s %m %T@ %C@\\n"], { encoding: "latin1" });
    expect(after.stdout).toBe(before.stdout);
    const real = await restore("if-changed");
    const counts = ({ files, bytes, replaced, unchanged, kept }: RestoreOutcome) => ({ files, bytes, replaced, unchanged, kept });
    expect(counts(dry)).toEqual(counts(real));
  });

  test("what lies on another file system is replaced there, by rename", async ({ skip }) => {
    const disk = await mountTmpfs(at("sizes"), 16);
    if (typeof disk === "string") return skip(disk);
    try {
      writeFileSync(at("sizes/text"), "other");
      expect((await restore("if-changed")).problems).toEqual([]);
      expect(await compareTrees(tree, there)).toEqual([]);
      expect(readdirSync(at("sizes")).filter((name) => name.includes("lifeboat-restore"))).toEqual([]);
    } finally {
      await disk.unmount();
    }
  });
});
