import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import type { FileEntry, FileSelection, LeftOutReason, Machine, SourceProblem } from "@lifeboat/model";
import { byteString } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findStockRestic, type SshHost, startSshHost } from "../../../../test/services/index.ts";
import { LocalMachine } from "../process/local-machine.ts";
import type { SshMachine } from "../session/ssh-machine.ts";
import { connectOptions, connectTo } from "../session/test-host.ts";
import { createHostSource } from "./create-host-source.ts";

const signal = new AbortController().signal;
const { clock } = connectOptions();
const signature = "Signature: 8a477f597d28d172789f06886806bc55";
const stock = await findStockRestic("0.14");
let sshd: SshHost;
let ssh: SshMachine;

beforeAll(async () => {
  sshd = await startSshHost();
  ssh = await connectTo(sshd);
});
afterAll(async () => {
  await ssh?.close();
  await sshd?.stop();
});

function makeTree(name: string, files: readonly (string | readonly [string, string])[]): string {
  const root = join(sshd.folder, name);
  for (const file of files) {
    const [path, content] = typeof file === "string" ? [file, "x"] : file;
    fs.mkdirSync(join(root, path, ".."), { recursive: true });
    if (!path.endsWith("/")) fs.writeFileSync(join(root, path), content);
  }
  return root;
}

interface Way {
  readonly transfer: "tar" | "sftp";
  readonly machine: () => Machine;
}
const ways: [string, Way][] = [
  ["find on this machine", { transfer: "tar", machine: () => new LocalMachine({ env: { PATH: "/usr/bin:/bin" } }) }],
  ["find over SSH", { transfer: "tar", machine: () => ssh }],
  ["SFTP", { transfer: "sftp", machine: () => ssh }],
];

/** What is kept and what is left out, by its place in the tree, sorted; folders end with a slash. */
async function select({ transfer, machine }: Way, root: string, selection: FileSelection, paths = [root]) {
  const source = createHostSource(machine(), { transfer, clock }, { name: "test", paths: paths.map(byteString), ...selection });
  const shown = ({ path, type }: FileEntry) => `${path.slice(root.length + 1)}${type === "dir" ? "/" : ""}`;
  const run = async (leftOut?: (entry: FileEntry, reason: LeftOutReason) => void) => {
    const problems: SourceProblem[] = [];
    const kept: string[] = [];
    const open: string[] = [];
    for await (const batch of source.list({ signal, problem: (problem) => problems.push(problem), leftOut })) {
      for (const entry of batch.filter(({ above }) => above !== true)) {
        kept.push(shown(entry));
        // The contract's order, also where folders come late.
        while (open.length > 0 && !entry.path.startsWith(`${open.at(-1)}/`)) open.pop();
        const parent = entry.path.slice(0, entry.path.lastIndexOf("/"));
        if (!paths.includes(entry.path)) expect(open.at(-1), entry.path).toBe(parent);
        if (entry.type === "dir") open.push(entry.path);
      }
    }
    expect(problems).toEqual([]);
    return kept.filter((path) => path !== "/").sort();
  };
  const left: string[] = [];
  const kept = await run((entry, reason) => left.push(`${reason} ${shown(entry)}`));
  expect(await run()).toEqual(kept);
  return { kept, left: left.sort() };
}

describe.each(ways)("by %s", (label, way) => {
  const name = (text: string) => `${text}-${label.replaceAll(" ", "-")}`;

  test("an exception is kept within a folder that is left out, with the folders that lead to it and no others", async () => {
    const root = makeTree(name("include"), [
      "a.txt",
      ".cache/junk/1",
      ".cache/junk/2",
      ".cache/keep/3",
      ".cache/keep/deep/4.tmp",
      ".cache/keep/deep/5",
      ".cache/other/6",
      "bob/.cache/keep/7",
      "bob/.cache/8",
      "carl/.cache/9",
    ]);
    const { kept, left } = await select(way, root, {
      exclude: [".cache", "*.tmp"],
      include: [`${root}/.cache/keep`, `${root}/bob/.cache/k*/`],
    });
    expect(kept).toEqual([
      ".cache/",
      ".cache/keep/",
      ".cache/keep/3",
      ".cache/keep/deep/",
      ".cache/keep/deep/5",
      "a.txt",
      "bob/",
      "bob/.cache/",
      "bob/.cache/keep/",
      "bob/.cache/keep/7",
      "carl/",
    ]);
    expect(left).toEqual([
      "pattern .cache/junk/",
      "pattern .cache/keep/deep/4.tmp",
      "pattern .cache/other/",
      "pattern bob/.cache/8",
      "pattern carl/.cache/",
    ]);
  });

  test("of matches at different depths the deepest counts, and at the same depth the exception", async () => {
    const files = [
      "w/up/a.iso",
      "w/up/b.txt",
      "w/log/x.log",
      "w/log/keep.log",
      "w/up/log/y.log",
      "w/up/log/old/z.log",
      "v/c.txt",
    ];
    const root = makeTree(name("depth"), files);
    const kept = async (exclude: string[], include: string[]) =>
      (await select(way, root, { exclude, include })).kept.filter((path) => !path.endsWith("/"));
    expect(await kept(["*.log"], ["keep.log"])).toEqual(["v/c.txt", "w/log/keep.log", "w/up/a.iso", "w/up/b.txt"]);
    // Only these: everything out, but for an exception.
    expect(await kept([`${root}/*`], [`${root}/w/up`])).toEqual(files.filter((file) => file.startsWith("w/up")).sort());
    expect(await kept(["*"], ["*.iso"])).toEqual(["w/up/a.iso"]);
    expect(await kept([`${root}/w`, "old"], [`${root}/w/up/log`])).toEqual(["v/c.txt", "w/up/log/y.log"]);
    expect(await kept([`${root}/w`], [`${root}/w/**/old/`])).toEqual(["v/c.txt", "w/up/log/old/z.log"]);
    expect(await kept([], ["*.iso"])).toEqual([...files].sort());
    expect((await select(way, root, { exclude: ["*"], include: ["*.iso"] })).kept).toEqual(["w/", "w/up/", "w/up/a.iso"]);
    expect((await select(way, root, { exclude: [`${root}/*`], include: ["nowhere/x"] })).kept).toEqual([]);
  });

  test("names with every byte and glob's own letters are told apart", async () => {
    const root = makeTree(name("bytes"), ["é/keep", "é/x", "[a]*/keep", "[a]*/x", "a/x", "line\nbreak/keep", "line\nbreak/x"]);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x2e, 0x74])]), "");
    const { kept } = await select(way, root, {
      exclude: [`${root}/*`],
      include: [`${root}/é/keep`, `${root}/\\[a\\]\\*`, "*break/k*"],
    });
    expect(kept).toEqual([
      "[a]*/",
      "[a]*/keep",
      "[a]*/x",
      "line\nbreak/",
      "line\nbreak/keep",
      byteString("é/"),
      byteString("é/keep"),
    ]);
  });

  test("of marked folders only the tag stays; what is no tag marks nothing", async () => {
    const root = makeTree(name("tags"), [
      ["cache/CACHEDIR.TAG", `${signature}\n# by somebody`],
      "cache/blob",
      "cache/deep/er/blob",
      ["cache/deep/CACHEDIR.TAG", signature],
      ["no-cache/CACHEDIR.TAG", signature.replace("8a", "8b")],
      ["short/CACHEDIR.TAG", "Signature: 8a47"],
      ["empty/CACHEDIR.TAG", ""],
      ["large/CACHEDIR.TAG", signature.padEnd(65 * 1024, "\n")],
      "no-cache/kept",
      "short/kept",
      "link/kept",
      "folder/CACHEDIR.TAG/kept",
      "out/.nobackup",
      "out/blob",
      "out/deep/blob",
      "git/.git/config",
      "git/.git/refs/heads",
      "git/src/file",
      "git/file",
      "star*/.nobackup",
      "star*/x",
      "star*/d/x",
      "starred/x",
    ]);
    fs.symlinkSync("../cache/CACHEDIR.TAG", join(root, "link/CACHEDIR.TAG"));
    execFileSync("mkfifo", [join(root, "fifo.tag")]);
    fs.mkdirSync(join(root, "pipe"));
    fs.renameSync(join(root, "fifo.tag"), join(root, "pipe/CACHEDIR.TAG"));
    const { kept, left } = await select(way, root, { excludeCaches: true, excludeIfPresent: [".nobackup", ".git"] });
    expect(kept).toEqual(
      [
        ...["cache/", "cache/CACHEDIR.TAG", "no-cache/", "no-cache/CACHEDIR.TAG", "no-cache/kept"],
        ...["short/", "short/CACHEDIR.TAG", "short/kept", "empty/", "empty/CACHEDIR.TAG", "large/", "large/CACHEDIR.TAG"],
        ...["link/", "link/CACHEDIR.TAG", "link/kept", "folder/", "folder/CACHEDIR.TAG/", "folder/CACHEDIR.TAG/kept"],
        ...["out/", "out/.nobackup", "git/", "git/.git/", "git/.git/config", "git/.git/refs/", "git/.git/refs/heads"],
        ...["star*/", "star*/.nobackup", "starred/", "starred/x", "pipe/", "pipe/CACHEDIR.TAG"],
      ].sort(),
    );
    expect(left).toEqual(
      ["cache/blob", "cache/deep/", "out/blob", "out/deep/", "git/src/", "git/file", "star*/x", "star*/d/"]
        .map((path) => `tag ${path}`)
        .sort(),
    );
    const without = await select(way, root, {});
    expect([without.left, without.kept.includes("cache/deep/er/blob")]).toEqual([[], true]);
  });

  test("a path of the source that has a tag's name marks nothing, and a source that is marked itself is nearly empty", async () => {
    const root = makeTree(name("marked"), ["repo/.git/refs/heads", "repo/file", "repo/.nobackup"]);
    const selection = { excludeIfPresent: [".git", ".nobackup"] };
    expect((await select(way, root, selection, [join(root, "repo/.git")])).kept).toEqual([
      "repo/.git/",
      "repo/.git/refs/",
      "repo/.git/refs/heads",
    ]);
    const { kept } = await select(way, root, { excludeIfPresent: [".nobackup"] }, [join(root, "repo")]);
    expect(kept).toEqual(["repo/", "repo/.nobackup"]);
  });

  test("larger files are left out, to the byte; folders, links and what is as large stay", async () => {
    const root = makeTree(name("sizes"), [
      ["a/exact", "x".repeat(5000)],
      ["a/more", "x".repeat(5001)],
      ["small", ""],
    ]);
    fs.symlinkSync("a/more", join(root, "link"));
    const { kept, left } = await select(way, root, { excludeLargerThan: 5000, exclude: ["nothing"] });
    expect([kept, left]).toEqual([["a/", "a/exact", "link", "small"], ["size a/more"]]);
  });

  test("more marked folders than a command line holds are left out all the same", async () => {
    const root = makeTree(
      name("many"),
      Array.from({ length: 450 }, (_, at) => [`${at}/.nobackup`, `${at}/x`, `${at}/below/y`]).flat(),
    );
    const { kept } = await select(way, root, { excludeIfPresent: [".nobackup"] });
    expect(kept).toHaveLength(900);
    expect(kept.filter((path) => !/^[0-9]+\/(\.nobackup)?$/.test(path))).toEqual([]);
  });

  test.skipIf("missing" in stock)("stock restic leaves out the same by tags and size (needs restic)", async () => {
    if ("missing" in stock) return;
    const root = makeTree(name("as-restic"), [
      ["cache/CACHEDIR.TAG", `${signature} and more`],
      "cache/x",
      "cache/d/x",
      ["fake/CACHEDIR.TAG", "no signature of a cache, but long enough"],
      "fake/x",
      "git/.git/refs/x",
      "git/src/x",
      "n/.nobackup",
      "n/x",
      "n/d/x",
      ["big", "x".repeat(2049)],
      ["fits", "x".repeat(2048)],
      ["n2/CACHEDIR.TAG", signature],
      "n2/.nobackup",
      "n2/x",
    ]);
    const repository = join(sshd.folder, name("restic"));
    const env = { PATH: "/usr/bin:/bin", HOME: sshd.folder, RESTIC_PASSWORD: "x", RESTIC_REPOSITORY: repository };
    const restic = (...args: string[]) => {
      const run = spawnSync(stock.path, ["--no-cache", ...args], { env });
      expect(run.status, `${run.stderr}`).toBe(0);
      return run.stdout.toString();
    };
    restic("init");
    restic(
      "backup",
      root,
      "--exclude-caches",
      "--exclude-if-present=.nobackup",
      "--exclude-if-present=.git",
      "--exclude-larger-than=2k",
    );
    const expected = restic("ls", "latest", root, "--recursive")
      .split("\n")
      .filter((path) => path.startsWith(`${root}/`));
    const { kept } = await select(way, root, {
      excludeCaches: true,
      excludeIfPresent: [".nobackup", ".git"],
      excludeLargerThan: 2048,
    });
    // A folder with two tags: to restic each is what the other leaves out.
    const ours = kept.map((path) => join(root, path).replace(/\/$/, "")).filter((path) => !/n2\/./.test(path));
    expect(ours).toEqual(expected.filter((path) => !/n2\/./.test(path)).sort());
    expect(expected.length).toBeGreaterThan(10);
  });
});

test("what patterns leave out is not gone into on the host, nor are marked folders", async () => {
  const root = makeTree("walks", ["out/deep/x", "out/keep/y", "tagged/.nobackup", "tagged/deep/z"]);
  const asked: string[][] = [];
  const machine = new LocalMachine({ env: { PATH: "/usr/bin:/bin" } });
  const spy: Machine = {
    name: "spy",
    run: (argv, options) => {
      asked.push(argv.map((word) => (typeof word === "string" ? word : Buffer.from(word).toString())));
      return machine.run(argv, options);
    },
    bytesReceived: () => 0,
    close: async () => undefined,
  };
  const way: Way = { transfer: "tar", machine: () => spy };
  await select(way, root, { exclude: ["out"], include: [`${root}/out/keep`], excludeIfPresent: [".nobackup"] });
  const finds = asked.filter(([program, , option]) => program === "find" && option !== root && asked.length > 0);
  const walks = finds.filter((words) => words[1] === root);
  expect(walks).toHaveLength(4);
  // Open files of find itself tell where it went; strace is not everywhere, so each is run again with -print of folders it enters.
  for (const words of walks) {
    const [program, ...args] = words;
    const tests = args.map((word) => (word.includes("%y") ? "%p\\n" : word));
    const printed = execFileSync(program as string, tests, { encoding: "utf8" });
    expect(printed).not.toContain("out/deep/x");
    if (words.some((word) => word.includes("/tagged/"))) expect(printed).not.toContain("deep/z");
  }
});
