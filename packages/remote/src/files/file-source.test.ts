import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ByteString, FileEntry, Machine, ReadEvent, SourceProblem } from "@lifeboat/model";
import { byteString, fromBytes } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SshHost, startSshHost } from "../../../../test/services/index.ts";
import { LocalMachine } from "../process/local-machine.ts";
import { connectTo } from "../session/test-host.ts";
import { createFileSource, type FileSourceOptions } from "./create-file-source.ts";

const isRoot = process.getuid?.() === 0;
const signal = new AbortController().signal;
let sshd: SshHost;
let folder: string;

beforeAll(async () => {
  sshd = await startSshHost();
  folder = mkdtempSync(join(tmpdir(), "lifeboat-files-"));
  fs.chmodSync(folder, 0o755);
});
afterAll(async () => {
  await sshd?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

function source(machine: Machine, path: string | Buffer, options: Partial<FileSourceOptions> = {}) {
  return createFileSource(machine, { name: "test", paths: [fromBytes(Buffer.from(path))], ...options });
}

async function list(from: ReturnType<typeof source>) {
  const entries: FileEntry[] = [];
  const problems: SourceProblem[] = [];
  for await (const batch of from.list({ signal, problem: (problem) => problems.push(problem) })) entries.push(...batch);
  return { entries, problems, inside: entries.filter((entry) => entry.above !== true) };
}

interface Content {
  bytes: Buffer;
  hole: number;
  xattrs: Record<string, string>;
  deviceNumber: string | undefined;
  verdict: string;
  detail: string | undefined;
  now: FileEntry | undefined;
}

async function read(from: ReturnType<typeof source>, entries: readonly FileEntry[], between?: (event: ReadEvent) => void) {
  const contents = new Map<ByteString, Content>();
  const chunks: Buffer[][] = entries.map(() => []);
  const order: number[] = [];
  let open: number | undefined;
  const of = (index: number): Content => {
    const { path } = entries[index] as FileEntry;
    const found = contents.get(path);
    if (found !== undefined) return found;
    const made = {
      bytes: Buffer.alloc(0),
      hole: 0,
      xattrs: {},
      deviceNumber: undefined,
      verdict: "",
      detail: undefined,
      now: undefined,
    };
    contents.set(path, made);
    return made;
  };
  for await (const batch of from.read(entries, { signal })) {
    for (const event of batch) {
      if (event.kind === "doubt") continue;
      between?.(event);
      const content = of(event.index);
      if (event.kind === "start") {
        expect(open).toBeUndefined();
        open = event.index;
        order.push(event.index);
        content.deviceNumber = event.extras.deviceNumber;
        for (const { name, value } of event.extras.xattrs) content.xattrs[name] = Buffer.from(value).toString("hex");
      } else if (event.kind === "verdict") {
        expect(open).toBeUndefined();
        Object.assign(content, { verdict: event.verdict, detail: event.detail, now: event.now });
      } else {
        expect(open).toBe(event.index);
        if (event.kind === "data") chunks[event.index]?.push(Buffer.from(event.bytes));
        if (event.kind === "hole") {
          content.hole += event.length;
          chunks[event.index]?.push(Buffer.alloc(event.length));
        }
        if (event.kind === "end") {
          content.bytes = Buffer.concat(chunks[event.index] ?? []);
          open = undefined;
        }
      }
    }
  }
  expect(order).toEqual([...order].sort((a, b) => a - b));
  return contents;
}

function makeTree(name: string): string {
  const root = join(folder, name);
  fs.mkdirSync(root);
  return root;
}

function inFolder(root: string, name: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]);
}

const machines: [string, () => Promise<Machine>][] = [
  ["the worker itself", async () => new LocalMachine({ env: { PATH: "/usr/bin:/bin" } })],
  ["a host over ssh", () => connectTo(sshd)],
];

describe.each(machines)("files of %s", (label, make) => {
  let machine: Machine;
  let root: string;
  beforeAll(async () => {
    machine = await make();
    root = makeTree(`every-kind-${label.length}`);
  });
  afterAll(async () => machine?.close());

  test("names of every byte, every type and all metadata come as the kernel has them", async () => {
    const names: Buffer[] = [];
    for (let byte = 1; byte < 256; byte++) if (byte !== 47 && byte !== 46) names.push(Buffer.from([byte]));
    names.push(
      Buffer.from("a".repeat(255)),
      Buffer.alloc(255, 0xff),
      Buffer.from("-rf"),
      Buffer.from(" a  b "),
      Buffer.from("ü€\u{1f600}"),
    );
    names.push(Buffer.from("..."), Buffer.from("a\\nb"), Buffer.from("a: b"), Buffer.from("'\"`$(x)"));
    for (const name of names) fs.writeFileSync(inFolder(root, name), Buffer.concat([Buffer.from("content of "), name]));
    const deep = inFolder(root, Buffer.concat([Buffer.alloc(200, 0xe9), Buffer.from("/"), Buffer.alloc(200, 10)]));
    fs.mkdirSync(deep, { recursive: true });
    fs.writeFileSync(Buffer.concat([deep, Buffer.from("/leaf")]), "leaf");
    fs.linkSync(inFolder(root, "-rf"), inFolder(root, "second name"));
    fs.symlinkSync(Buffer.from([0x2e, 0x2f, 0xff, 0x0a]), inFolder(root, "link"));
    execFileSync("mkfifo", [join(root, "fifo")]);
    fs.chmodSync(inFolder(root, "-rf"), 0o4755);
    fs.mkdirSync(inFolder(root, "sticky"));
    fs.chmodSync(inFolder(root, "sticky"), 0o3777);
    execFileSync("touch", ["-d", "1960-01-02T03:04:05.123456789Z", join(root, "...")]);
    execFileSync("touch", ["-d", "2444-01-02T03:04:05.000000100Z", join(root, "a: b")]);
    if (isRoot) {
      execFileSync("mknod", [join(root, "char"), "c", "300", "70000"]);
      execFileSync("mknod", [join(root, "block"), "b", "8", "1"]);
      fs.chownSync(join(root, "a\\nb"), 3_000_000_000, 12345);
    }
    execFileSync("perl", [
      "-MSocket",
      "-e",
      "socket(S,PF_UNIX,SOCK_STREAM,0);bind(S,sockaddr_un($ARGV[0]))||die",
      join(root, "socket"),
    ]);
    const from = source(machine, root);
    const { entries, problems, inside } = await list(from);
    expect(problems).toEqual([]);
    expect(entries.filter((entry) => entry.above).map((entry) => entry.path)).toEqual(
      ["/", "/tmp", folder].map(byteString).filter((path) => path !== root),
    );
    const contents = await read(from, inside);
    const byPath = new Map(inside.map((entry) => [entry.path, entry]));
    expect(byPath.size).toBe(inside.length);
    for (const name of [...names, Buffer.from("second name")]) {
      const raw = inFolder(root, name);
      const stat = fs.lstatSync(raw, { bigint: true });
      const entry = byPath.get(fromBytes(raw));
      expect(entry).toMatchObject({
        type: "file",
        mode: Number(stat.mode & 0o7777n),
        uid: Number(stat.uid),
        gid: Number(stat.gid),
        size: Number(stat.size),
        inode: `${stat.ino}`,
        device: `${stat.dev}`,
        links: Number(stat.nlink),
      });
      expect(contents.get(fromBytes(raw))?.verdict).toBe("same");
      expect(contents.get(fromBytes(raw))?.bytes.equals(fs.readFileSync(raw))).toBe(true);
    }
    const entryOf = (name: string) => byPath.get(fromBytes(inFolder(root, name))) as FileEntry;
    expect(entryOf("...").mtime).toBe("1960-01-02T03:04:05.123456789Z");
    expect(entryOf("a: b").mtime).toBe("2444-01-02T03:04:05.0000001Z");
    expect(entryOf("link")).toMatchObject({ type: "symlink", linkTarget: "./\xff\n" });
    expect(entryOf("fifo")).toMatchObject({ type: "fifo" });
    expect(entryOf("socket")).toMatchObject({ type: "socket" });
    expect(entryOf("sticky")).toMatchObject({ type: "dir", mode: 0o3777 });
    expect(entryOf("-rf")).toMatchObject({ mode: 0o4755, links: 2 });
    if (isRoot) {
      expect(entryOf("-rf")).toMatchObject({ user: "root", group: "root" });
      expect(entryOf("a\\nb")).toMatchObject({ uid: 3_000_000_000, gid: 12345, user: "", group: "" });
      expect(entryOf("char").type).toBe("chardev");
      expect(entryOf("block").type).toBe("dev");
      for (const name of ["char", "block"]) {
        const { rdev } = fs.lstatSync(join(root, name), { bigint: true });
        expect(contents.get(fromBytes(inFolder(root, name)))?.deviceNumber).toBe(`${rdev}`);
      }
    }
    for (const entry of inside) expect(contents.get(entry.path)?.verdict, entry.path).toBe("same");
    const depth = inside.map((entry) => entry.path);
    for (const [at, path] of depth.entries()) {
      const parent = path.slice(0, path.lastIndexOf("/"));
      if (at > 0) expect(depth.indexOf(parent as ByteString)).toBeLessThan(at);
    }
  });

  test("attributes, access lists and capabilities come as raw bytes", async () => {
    const tree = makeTree(`xattrs-${label.length}`);
    fs.writeFileSync(join(tree, "file"), "x");
    fs.mkdirSync(join(tree, "dir"));
    execFileSync("setfattr", ["-n", "user.a=b%3D", "-v", "0x000a3d00ff", join(tree, "file")]);
    execFileSync("setfattr", ["-n", "user.empty", join(tree, "file")]);
    execFileSync("setfacl", ["-m", "u:12345:rwx", join(tree, "file")]);
    execFileSync("setfacl", ["-d", "-m", "g:12345:rx", join(tree, "dir")]);
    if (isRoot)
      execFileSync("setfattr", [
        "-n",
        "security.capability",
        "-v",
        "0x0100000200040000000000000000000000000000",
        join(tree, "file"),
      ]);
    const from = source(machine, tree);
    const { inside } = await list(from);
    const contents = await read(from, inside);
    const hex = (path: string, name: string) =>
      execFileSync("getfattr", ["--absolute-names", "--only-values", "-n", name, path]).toString("hex");
    const file = contents.get(byteString(join(tree, "file")));
    const expected = ["system.posix_acl_access", "user.a=b%3D", "user.empty", ...(isRoot ? ["security.capability"] : [])].sort();
    expect(Object.keys(file?.xattrs ?? {}).sort()).toEqual(expected);
    for (const name of expected) expect(file?.xattrs[name]).toBe(hex(join(tree, "file"), name));
    expect(file?.xattrs["user.a=b%3D"]).toBe("000a3d00ff");
    const dir = contents.get(byteString(join(tree, "dir")));
    expect(dir?.xattrs["system.posix_acl_default"]).toBe(hex(join(tree, "dir"), "system.posix_acl_default"));
  });

  test("sparse files come with their holes, big and odd-sized files unchanged", async () => {
    const tree = makeTree(`sparse-${label.length}`);
    const sparse = fs.openSync(join(tree, "sparse"), "w");
    fs.writeSync(sparse, Buffer.alloc(5000, 1), 0, 5000, 0);
    fs.writeSync(sparse, Buffer.alloc(70_000, 2), 0, 70_000, 10_000_000);
    fs.ftruncateSync(sparse, 50_000_001);
    fs.closeSync(sparse);
    fs.writeFileSync(join(tree, "hole"), "");
    fs.truncateSync(join(tree, "hole"), 3_000_000);
    const fragmented = fs.openSync(join(tree, "fragmented"), "w");
    for (let at = 0; at < 500; at++) fs.writeSync(fragmented, Buffer.from([at]), 0, 1, at * 40_000);
    fs.closeSync(fragmented);
    for (const size of [0, 1, 511, 512, 513, 65_536, 3_333_333]) {
      fs.writeFileSync(join(tree, `size-${size}`), Buffer.alloc(size, `content ${size} `));
    }
    const from = source(machine, tree);
    const { inside } = await list(from);
    const before = from.bytesReceived();
    const contents = await read(from, inside);
    expect(from.bytesReceived() - before).toBeLessThan(8_000_000);
    for (const name of fs.readdirSync(tree)) {
      const content = contents.get(byteString(join(tree, name)));
      expect(content?.bytes.equals(fs.readFileSync(join(tree, name))), name).toBe(true);
      if (["sparse", "hole", "fragmented"].includes(name)) expect(content?.hole, name).toBeGreaterThan(1_000_000);
    }
  });

  test("what changes, grows, shrinks, vanishes or is replaced while it is read is told", async () => {
    const tree = makeTree(`moving-${label.length}`);
    const put = (name: string, text: string) => fs.writeFileSync(join(tree, name), text);
    for (const name of ["calm", "grown", "shrunk", "gone", "replaced", "touched", "became-link"])
      put(name, `${name} `.repeat(1000));
    fs.mkdirSync(join(tree, "dir"));
    fs.writeFileSync(join(tree, "dir/inner"), "x");
    const from = source(machine, tree);
    const { inside } = await list(from);
    fs.appendFileSync(join(tree, "grown"), "more");
    fs.truncateSync(join(tree, "shrunk"), 10);
    fs.rmSync(join(tree, "gone"));
    put("other", "replaced ".repeat(1000));
    fs.renameSync(join(tree, "other"), join(tree, "replaced"));
    fs.utimesSync(join(tree, "touched"), 1, 1);
    fs.rmSync(join(tree, "became-link"));
    fs.symlinkSync("/etc/passwd", join(tree, "became-link"));
    fs.rmSync(join(tree, "dir"), { recursive: true });
    const contents = await read(from, inside);
    const of = (name: string) => contents.get(byteString(join(tree, name)));
    expect(of("calm")?.verdict).toBe("same");
    expect(of("grown")).toMatchObject({ verdict: "changed", now: { size: 6004 } });
    expect(of("shrunk")).toMatchObject({ verdict: "changed", now: { size: 10 } });
    expect(of("gone")?.verdict).toBe("vanished");
    expect(of("dir/inner")?.verdict).toBe("vanished");
    expect(of("replaced")).toMatchObject({ verdict: "changed" });
    expect(of("touched")).toMatchObject({ verdict: "changed", now: { mtime: "1970-01-01T00:00:01Z" } });
    expect(of("became-link")).toMatchObject({ verdict: "changed", now: { type: "symlink" } });
    expect(of("became-link")?.bytes.length).toBe(0);
    // What is read again with what is there now is in order.
    const again = inside.map((entry) => contents.get(entry.path)?.now).filter((entry) => entry !== undefined);
    for (const content of (await read(from, again)).values()) expect(content.verdict).toBe("same");
  });

  test("a file that is written while it streams is told as changed", async () => {
    const tree = makeTree(`writing-${label.length}`);
    fs.writeFileSync(join(tree, "busy"), Buffer.alloc(30_000_000, 1));
    const from = source(machine, tree);
    const { inside } = await list(from);
    let fired = false;
    const contents = await read(from, inside, (event) => {
      if (event.kind !== "data" || fired) return;
      fired = true;
      fs.truncateSync(join(tree, "busy"), 20_000_000);
    });
    expect(fired).toBe(true);
    const busy = contents.get(byteString(join(tree, "busy")));
    expect(busy?.verdict).toBe("changed");
    expect(busy?.bytes.length).toBe(30_000_000);
  });

  test("patterns leave out names, paths and folders, and nothing else", async () => {
    const tree = makeTree(`patterns-${label.length}`);
    const files = [
      "a.tmp",
      "b.txt",
      "x\ny.tmp",
      "node_modules/m/i.js",
      "sub/node_modules/q",
      "sub/cache/f",
      "cache",
      "sub/keep/a.b",
      "sub/keep/acb",
      "[x]",
      "sub/log/deep/z.log",
      "log/z.log",
    ];
    for (const file of files) {
      fs.mkdirSync(join(tree, file, ".."), { recursive: true });
      fs.writeFileSync(join(tree, file), "x");
    }
    const left = async (exclude: string[]) => {
      const { inside, problems } = await list(source(machine, tree, { exclude }));
      expect(problems).toEqual([]);
      const kept = inside.map((entry) => entry.path.slice(tree.length + 1));
      return files.filter((file) => !kept.includes(file));
    };
    expect(await left(["*.tmp"])).toEqual(["a.tmp", "x\ny.tmp"]);
    expect(await left(["**/node_modules"])).toEqual(["node_modules/m/i.js", "sub/node_modules/q"]);
    expect(await left(["node_modules"])).toEqual(["node_modules/m/i.js", "sub/node_modules/q"]);
    expect(await left(["cache/"])).toEqual(["sub/cache/f"]);
    expect(await left(["keep/a.b"])).toEqual(["sub/keep/a.b"]);
    expect(await left(["\\[x\\]"])).toEqual(["[x]"]);
    expect(await left(["[a-c].t[!m]*"])).toEqual(["b.txt"]);
    expect(await left([`${tree}/sub/*`])).toEqual(files.filter((file) => file.startsWith("sub/")));
    expect(await left(["sub/**/*.log"])).toEqual(["sub/log/deep/z.log"]);
    expect(await left(["*.none", "b.*", "?.tmp"])).toEqual(["a.tmp", "b.txt"]);
  });

  test("several paths share the folders above; a path inside another is listed once; a missing one fails", async () => {
    const tree = makeTree(`paths-${label.length}`);
    for (const name of ["one/a", "one/b/c", "two"]) fs.mkdirSync(join(tree, name), { recursive: true });
    fs.writeFileSync(join(tree, "file"), "x");
    fs.symlinkSync("one", join(tree, "link"));
    const paths = ["one", "one/b", "file", "link", "link/a"].map((name) => byteString(join(tree, name)));
    const from = createFileSource(machine, { name: "test", paths });
    const { entries } = await list(from);
    const seen = entries.map((entry) => `${entry.above === true ? "^" : ""}${entry.type}:${entry.path.replace(tree, "")}`);
    const aboveTree = ["^dir:/", "^dir:/tmp", `^dir:${folder}`];
    expect(seen.slice(0, 4)).toEqual([...aboveTree, "^dir:"]);
    expect(new Set(seen.slice(4))).toEqual(
      new Set(["dir:/one", "dir:/one/a", "dir:/one/b", "dir:/one/b/c", "file:/file", "symlink:/link"]),
    );
    expect(seen.length).toBe(10);
    const missing = createFileSource(machine, { name: "test", paths: [byteString(tree), byteString(join(tree, "no\nthing"))] });
    await expect(list(missing)).rejects.toMatchObject({
      code: "source-missing",
      message: expect.stringContaining("no\\x0athing"),
    });
    expect(() => createFileSource(machine, { name: "test", paths: [byteString("/a/../b")] })).toThrow();
  });

  test("the rest of a file is read behind an offset; what is no longer that file is not, and is not waited for", async () => {
    const tree = makeTree(`rest-${label.length}`);
    const path = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0x7b, 0x7d, 0xff, 0x0a, 0x27, 0x20])]);
    const content = Buffer.from(Array.from({ length: 700_000 }, (_, at) => (at * 7919) & 0xff));
    fs.writeFileSync(path, content);
    fs.writeFileSync(join(tree, "secret"), content);
    const from = source(machine, tree);
    const entry = (await list(from)).inside.find((one) => one.path === fromBytes(path))!;
    const readRest = async (listed: FileEntry, offset: number) => {
      const bytes: Uint8Array[] = [];
      let verdict: string | undefined;
      for await (const batch of from.readRest!(listed, { offset, signal })) {
        for (const event of batch) {
          if (event.kind === "data") bytes.push(event.bytes);
          if (event.kind === "verdict") verdict = event.verdict;
        }
      }
      return { bytes: Buffer.concat(bytes), verdict };
    };
    for (const offset of [1, 262_144, 699_999]) {
      const { bytes, verdict } = await readRest(entry, offset);
      expect([offset, verdict, bytes.equals(content.subarray(offset))]).toEqual([offset, "same", true]);
    }
    expect((await readRest({ ...entry, size: entry.size + 1 }, 5)).verdict).toBe("unreadable");
    fs.appendFileSync(path, "more");
    const grown = await readRest(entry, 5);
    expect([grown.verdict, grown.bytes.length]).toEqual(["changed", 699_995]);
    fs.rmSync(path);
    expect(await readRest(entry, 5)).toEqual({ bytes: Buffer.alloc(0), verdict: "unreadable" });
    fs.symlinkSync(join(tree, "secret"), path);
    expect(await readRest(entry, 5)).toEqual({ bytes: Buffer.alloc(0), verdict: "unreadable" });
    fs.rmSync(path);
    execFileSync("mkfifo", [join(tree, "fifo")]);
    fs.renameSync(join(tree, "fifo"), path);
    expect(await readRest(entry, 5)).toEqual({ bytes: Buffer.alloc(0), verdict: "unreadable" });
  });

  test("breaking off ends the programs", async () => {
    const from = source(machine, "/usr");
    for await (const batch of from.list({ signal, problem: () => undefined }))
      if (batch.length > 0 && batch[0]?.above !== true) break;
    const { inside } = await list(source(machine, "/usr/bin"));
    for await (const _batch of from.read(inside, { signal })) break;
    const controller = new AbortController();
    const aborted = (async () => {
      for await (const _batch of from.read(inside, { signal: controller.signal })) controller.abort(new Error("enough"));
    })();
    await expect(aborted).rejects.toThrow();
  });
});

describe("other file systems", () => {
  test.runIf(isRoot)("are not entered with oneFilesystem, but for a path that lies on one (needs root)", async (context) => {
    const tree = makeTree("mounts");
    for (const name of ["a", "m", "m2"]) fs.mkdirSync(join(tree, name));
    fs.writeFileSync(join(tree, "a/file"), "x");
    if (spawnSync("mount", ["-t", "tmpfs", "tmpfs", join(tree, "m")]).status !== 0) context.skip("no tmpfs can be mounted here");
    spawnSync("mount", ["-t", "tmpfs", "tmpfs", join(tree, "m2")]);
    try {
      for (const name of ["m", "m2"]) fs.writeFileSync(join(tree, name, "inner"), "x");
      const machine = new LocalMachine({ env: { PATH: "/usr/bin:/bin" } });
      const paths = async (names: string[], oneFilesystem: boolean) => {
        const from = createFileSource(machine, {
          name: "t",
          oneFilesystem,
          paths: names.map((name) => byteString(join(tree, name))),
        });
        return (await list(from)).inside.map((entry) => entry.path.slice(tree.length)).sort();
      };
      expect(await paths([""], false)).toEqual(["", "/a", "/a/file", "/m", "/m/inner", "/m2", "/m2/inner"]);
      expect(await paths([""], true)).toEqual(["", "/a", "/a/file", "/m", "/m2"]);
      expect(await paths(["", "m", "a"], true)).toEqual(["", "/a", "/a/file", "/m", "/m/inner", "/m2"]);
    } finally {
      for (const name of ["m", "m2"]) spawnSync("umount", [join(tree, name)]);
    }
  });
});

describe("a login that may not read everything", () => {
  test.runIf(isRoot)("names what it could not list or read, and reads the rest (needs root)", async () => {
    const tree = makeTree("rights");
    for (const name of ["open", "shut", "blind\n\xe9"]) fs.mkdirSync(join(tree, name));
    for (const name of ["open/yes", "open/no", "shut/inside", "last"]) fs.writeFileSync(join(tree, name), name);
    fs.chmodSync(join(tree, "open/no"), 0o600);
    fs.chmodSync(join(tree, "shut"), 0o700);
    fs.chmodSync(join(tree, "blind\n\xe9"), 0o711);
    const machine = new UnprivilegedMachine();
    const from = source(machine, tree);
    const { inside, problems } = await list(from);
    expect(new Set(problems.map((problem) => [problem.kind, problem.path.slice(tree.length)].join()))).toEqual(
      new Set(["unlisted,/shut", `unlisted,/${fromBytes(Buffer.from("blind\n\xe9"))}`]),
    );
    const contents = await read(from, inside);
    const of = (name: string) => contents.get(byteString(join(tree, name)));
    expect(of("open/yes")).toMatchObject({ verdict: "same", bytes: Buffer.from("open/yes") });
    expect(of("last")?.verdict).toBe("same");
    expect(of("open/no")).toMatchObject({ verdict: "unreadable", detail: expect.stringContaining("Permission denied") });
    await machine.close();
  });
});

describe("sudo", () => {
  test.runIf(isRoot && spawnSync("which", ["sudo"]).status === 0)(
    "reads as root where it is allowed, and is named where it is not (needs root and sudo)",
    async () => {
      const tree = makeTree("sudo");
      fs.writeFileSync(join(tree, "secret"), "x", { mode: 0o600 });
      const machine = new LocalMachine({ env: { PATH: "/usr/bin:/bin" } });
      const from = source(machine, tree, { sudo: true });
      const { inside } = await list(from);
      expect((await read(from, inside)).get(byteString(join(tree, "secret")))?.verdict).toBe("same");
      const refused = source(new UnprivilegedMachine(), tree, { sudo: true });
      await expect(list(refused)).rejects.toMatchObject({ code: "sudo-refused" });
      await expect(read(refused, inside)).rejects.toMatchObject({ code: "sudo-refused" });
    },
  );
});

/** Commands as an account without rights. */
class UnprivilegedMachine extends LocalMachine {
  constructor() {
    super({ env: { PATH: "/usr/bin:/bin" } });
  }
  override run(argv: Parameters<LocalMachine["run"]>[0], options: Parameters<LocalMachine["run"]>[1] = {}) {
    const { sudo = false, ...rest } = options;
    const words = sudo ? ["sudo", "-n", "--", ...argv] : argv;
    return super.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", ...words], rest);
  }
}

describe("a host that answers nonsense", () => {
  const lie = (program: string, script: string) => {
    const bin = makeTree(`bin-${program}-${Math.abs(script.length)}-${fs.readdirSync(folder).length}`);
    fs.writeFileSync(join(bin, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return new LocalMachine({ env: { PATH: `${bin}:/usr/bin:/bin` } });
  };
  const record = (path: string, numbers = "f 644 0 0 1 1.0000000000 1.0000000000 5 6 1") => `printf '${numbers}\\0${path}\\0\\0'`;
  const dir = "d 755 0 0 1 1.0000000000 1.0000000000 5 6 1";
  /** Sound for the first questions, then the lie for the listing itself. */
  const lieInListing = (script: string) => `case "$*" in *-maxdepth*) exec /usr/bin/find "$@";; esac\n${script}`;

  test.each([
    ["endless bytes", "yes | tr -d '\\n'"],
    ["no numbers", record("/usr/bin/x", "f 644 0 0")],
    ["an unknown type", record("/usr/bin/x", "X 644 0 0 1 1.0 1.0 5 6 1")],
    ["a name outside", `${record("/usr/bin", dir)}; ${record("/etc/passwd")}`],
    ["dots", `${record("/usr/bin", dir)}; ${record("/usr/bin/..", dir)}; ${record("/usr/bin/../x")}`],
    ["a cut record", `${record("/usr/bin", dir)}; printf 'f 644'`],
    ["a child without its folder", `${record("/usr/bin", dir)}; ${record("/usr/bin/a/b")}`],
  ])("in its listing: %s", async (_, script) => {
    const machine = lie("find", lieInListing(script));
    await expect(list(source(machine, "/usr/bin"))).rejects.toMatchObject({ code: "host-garbage" });
    await machine.close();
  });

  test.each([
    ["no archive", "yes", "host-garbage"],
    ["nothing", "exit 0", "command-failed"],
    ["a cut archive", '/usr/bin/tar "$@" | head -c 100000', "command-failed"],
    ["files that were not asked for", "cat > /dev/null; exec /usr/bin/tar -c --format=posix /etc/passwd -P", "host-garbage"],
    ["an old tar's words", "echo 'tar: unrecognized option' >&2; exit 64", "command-failed"],
  ])("in its tar stream: %s", async (_, script, code) => {
    const { inside } = await list(source(new LocalMachine({ env: { PATH: "/usr/bin:/bin" } }), "/usr/bin"));
    const machine = lie("tar", script);
    await expect(read(source(machine, "/usr/bin"), inside)).rejects.toMatchObject({ code });
    await machine.close();
  });

  test("missing programs are named", async () => {
    const machine = new LocalMachine({ env: { PATH: "/nonexistent" } });
    await expect(list(source(machine, "/usr/bin"))).rejects.toMatchObject({ code: "command-missing" });
  });
});
