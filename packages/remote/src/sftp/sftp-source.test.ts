import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import type { ByteString, FileEntry, FileSource, SourceProblem } from "@lifeboat/model";
import { byteString, fromBytes } from "@lifeboat/model";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostEntry } from "../../../../test/fixtures/host-entry.ts";
import { type SshHost, startSshHost, startTcpProxy } from "../../../../test/services/index.ts";
import { createHostSource } from "../files/create-host-source.ts";
import { connectHost, type SshMachine } from "../session/ssh-machine.ts";
import { connectOptions, connectTo } from "../session/test-host.ts";
import { createRestoreTarget } from "../targets/create-restore-target.ts";

const isRoot = process.getuid?.() === 0;
const signal = new AbortController().signal;
const { clock } = connectOptions();
let sshd: SshHost;
let machine: SshMachine;

beforeAll(async () => {
  sshd = await startSshHost();
  machine = await connectTo(sshd);
});
afterAll(async () => {
  await machine?.close();
  await sshd?.stop();
});

function makeTree(name: string): string {
  const root = join(sshd.folder, name);
  fs.mkdirSync(root);
  return root;
}

function overSftp(root: string, options: { exclude?: string[]; paths?: string[] } = {}) {
  const { exclude = [], paths = [root] } = options;
  return createHostSource(machine, { transfer: "sftp", clock }, { name: "test", paths: paths.map(byteString), exclude });
}

async function list(source: FileSource) {
  const all: FileEntry[] = [];
  const problems: SourceProblem[] = [];
  for await (const batch of source.list({ signal, problem: (problem) => problems.push(problem) })) all.push(...batch);
  return { all, problems, inside: all.filter(({ above }) => above !== true) };
}

/** Content by place, with the verdicts; holds the source to the order of its events. */
async function read(source: FileSource, entries: readonly FileEntry[], onStart: (index: number) => void = () => undefined) {
  const contents: (Buffer | undefined)[] = entries.map(() => undefined);
  let parts: Uint8Array[] = [];
  const verdicts: { verdict: string; detail: string | undefined; now: FileEntry | undefined }[] = [];
  let open: number | undefined;
  let last = -1;
  for await (const batch of source.read(entries, { signal })) {
    for (const event of batch) {
      if (event.kind === "doubt") throw new Error("SFTP tells errors of each file by itself");
      if (event.kind === "start") {
        expect(open).toBeUndefined();
        expect(event.index).toBeGreaterThan(last);
        expect(verdicts).toEqual([]);
        open = last = event.index;
        parts = [];
        onStart(event.index);
      } else if (event.kind === "verdict") {
        expect(open).toBeUndefined();
        verdicts[event.index] = { verdict: event.verdict, detail: event.detail, now: event.now };
      } else {
        expect(open).toBe(event.index);
        if (event.kind === "data") parts.push(event.bytes);
        if (event.kind !== "end") continue;
        contents[event.index] = Buffer.concat(parts);
        open = undefined;
      }
    }
  }
  return { contents, verdicts };
}

/** What SFTP can tell of a file that find has listed. */
function asSftpTells(entry: FileEntry): FileEntry {
  const mtime = entry.mtime.replace(/\.[0-9]+Z$/, "Z") as FileEntry["mtime"];
  return { ...entry, mtime, ctime: mtime, inode: "0", device: "0", links: 1, user: "", group: "" };
}

const byPath = (entries: readonly FileEntry[]) => [...entries].sort((a, b) => (a.path < b.path ? -1 : 1));

test("names of every byte, types, modes, sizes, seconds and link targets come as find tells them", async () => {
  const root = makeTree("every-kind");
  const inside = (name: Uint8Array | string) => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]);
  const names = Array.from({ length: 255 }, (_, at) => at + 1).filter((byte) => byte !== 46 && byte !== 47);
  for (const byte of names) fs.writeFileSync(inside(Buffer.from([byte])), `content ${byte}`);
  for (const name of ["a".repeat(255), "-rf", " a  b ", "..."]) fs.writeFileSync(inside(name), name);
  fs.writeFileSync(inside(Buffer.alloc(255, 0xff)), "");
  fs.mkdirSync(inside(Buffer.from([0x64, 0xe9, 10, 0x2f, 0xff])), { recursive: true });
  fs.writeFileSync(inside(Buffer.from([0x64, 0xe9, 10, 0x2f, 0xff, 0x2f, 1])), "leaf");
  fs.symlinkSync(Buffer.from([0x2e, 0x2f, 0xff, 0x0a]), inside("link"));
  fs.symlinkSync(root, inside("link to a folder"));
  execFileSync("mkfifo", [join(root, "fifo")]);
  fs.chmodSync(inside("-rf"), 0o4755);
  fs.mkdirSync(inside("sticky"));
  fs.chmodSync(inside("sticky"), 0o3777);
  execFileSync("touch", ["-h", "-d", "2001-02-03T04:05:06.123456789Z", join(root, "link"), join(root, "...")]);

  const tar = await list(createHostSource(machine, { transfer: "tar", clock }, { name: "test", paths: [byteString(root)] }));
  const sftp = await list(overSftp(root));
  expect(sftp.problems).toEqual([]);
  expect(byPath(sftp.all)).toEqual(byPath(tar.all.map(asSftpTells)));
  expect(sftp.inside[0]?.path).toBe(root);

  const { contents, verdicts } = await read(overSftp(root), sftp.inside);
  expect(new Set(verdicts.map(({ verdict }) => verdict))).toEqual(new Set(["same"]));
  for (const [index, { path, type }] of sftp.inside.entries()) {
    if (type === "file") expect(contents[index]).toEqual(fs.readFileSync(Buffer.from(path, "latin1")));
    else expect(contents[index]).toEqual(Buffer.alloc(0));
  }
  // The contract's order: a folder, then all that is below it.
  const open: string[] = [];
  for (const { path, type } of sftp.inside.slice(1)) {
    while (open.length > 0 && !path.startsWith(`${open.at(-1)}/`)) open.pop();
    expect(path.slice(0, path.lastIndexOf("/"))).toBe(open.at(-1) ?? root);
    if (type === "dir") open.push(path);
  }
});

test("a tree of many folders, a large folder and a deep one comes whole, in order, without what is excluded", async () => {
  const root = makeTree("wide");
  for (let at = 0; at < 60; at++) {
    for (let below = 0; below < 5; below++) {
      const folder = join(root, `folder-${at}`, `${below}`);
      fs.mkdirSync(folder, { recursive: true });
      fs.writeFileSync(join(folder, "file.txt"), `${at}/${below}`);
      fs.writeFileSync(join(folder, "file.tmp"), "");
    }
  }
  fs.mkdirSync(join(root, "large"));
  for (let at = 0; at < 3000; at++) fs.writeFileSync(join(root, "large", `${at}`), "");
  fs.mkdirSync(join(root, ...Array.from({ length: 200 }, () => "d")), { recursive: true });
  fs.mkdirSync(join(root, "cache", "below"), { recursive: true });
  fs.writeFileSync(join(root, "large", "cache"), "a file of that name stays");
  const exclude = ["*.tmp", "cache/"];
  // Given twice, and once inside of the other: each entry comes once.
  const paths = [root, join(root, "large"), `${root}/`];
  const tar = await list(
    createHostSource(machine, { transfer: "tar", clock }, { name: "test", paths: [byteString(root)], exclude }),
  );
  const sftp = await list(overSftp(root, { exclude, paths }));
  expect(sftp.problems).toEqual([]);
  expect(sftp.all.length).toBe(tar.all.length);
  expect(byPath(sftp.all)).toEqual(byPath(tar.all.map(asSftpTells)));
});

test("large and small files come byte by byte, and one that is broken off leaves the source usable", async () => {
  const root = makeTree("sizes");
  const sizes = [0, 1, 32 * 1024, 255 * 1024, 255 * 1024 + 1, 40 * 1024 * 1024 + 7, 5, 3 * 1024 * 1024];
  for (const [at, size] of sizes.entries()) {
    execFileSync("sh", ["-c", `head -c ${size} /dev/urandom > "$1"`, "sh", join(root, `${at}`)]);
  }
  const source = overSftp(root);
  const { inside } = await list(source);
  const files = inside.filter(({ type }) => type === "file");
  const broken = source.read(files, { signal })[Symbol.asyncIterator]();
  await broken.next();
  await broken.return?.();
  const { contents, verdicts } = await read(source, files);
  for (const [index, { path }] of files.entries()) expect(contents[index]?.equals(fs.readFileSync(path))).toBe(true);
  expect(verdicts.every(({ verdict }) => verdict === "same")).toBe(true);
  const both = await Promise.all([read(source, files), read(source, files)]);
  for (const { contents: again } of both) expect(again.map((content) => content?.length)).toEqual(contents.map((c) => c?.length));
});

test("files that shrink, grow, vanish or become something else are told apart", async () => {
  const root = makeTree("changing");
  const old = new Date("2020-01-01T00:00:00Z");
  for (const name of ["first", "shrinks", "grows", "vanishes", "becomes-link", "stays"]) {
    fs.writeFileSync(join(root, name), Buffer.alloc(600_000, name));
    fs.utimesSync(join(root, name), old, old);
  }
  const source = overSftp(root);
  const { inside } = await list(source);
  const of = (name: string) => inside.find(({ path }) => path.endsWith(`/${name}`)) as FileEntry;
  const files = ["first", "shrinks", "grows", "vanishes", "becomes-link", "stays"].map(of);
  fs.truncateSync(join(root, "shrinks"), 1000);
  fs.appendFileSync(join(root, "grows"), "more");
  fs.rmSync(join(root, "vanishes"));
  fs.rmSync(join(root, "becomes-link"));
  fs.symlinkSync("first", join(root, "becomes-link"));
  const { contents, verdicts } = await read(source, files);
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(["same", "changed", "changed", "vanished", "changed", "same"]);
  expect(verdicts[1]?.now?.size).toBe(1000);
  expect(verdicts[2]?.now?.size).toBe(600_004);
  expect(verdicts[4]?.now).toMatchObject({ type: "symlink", linkTarget: "first" });
  expect(contents[3]).toBeUndefined();
  expect(contents[5]?.length).toBe(600_000);

  // While it is read: the look comes after the last byte.
  const again = (await list(source)).inside.filter(({ path }) => /(first|stays)$/.test(path));
  const during = await read(source, again, (index) => {
    if (index === 0) fs.appendFileSync(again[0]?.path as string, "while it is read");
  });
  expect(during.verdicts.map(({ verdict }) => verdict)).toEqual(["changed", "same"]);
});

test.skipIf(!isRoot)("what may not be read is named, and the rest comes (needs root, to have another account)", async () => {
  const other = await startSshHost({ user: "nobody", sshdLines: ["ForceCommand internal-sftp"] }).catch(() => undefined);
  const root = join((other ?? sshd).folder, "closed");
  fs.mkdirSync(join(root, "locked"), { recursive: true });
  fs.chmodSync((other ?? sshd).folder, 0o755);
  fs.writeFileSync(join(root, "secret"), "secret", { mode: 0o600 });
  fs.writeFileSync(join(root, "open"), "open");
  fs.chmodSync(join(root, "locked"), 0o700);
  execFileSync("mknod", [join(root, "device"), "c", "1", "3"]);
  expect(other).toBeDefined();
  await using host = other as SshHost;
  const there = await connectTo(host);
  const source = createHostSource(there, { transfer: "auto", clock }, { name: "test", paths: [byteString(root)] });
  const { inside, problems } = await list(source);
  expect(problems).toEqual([{ path: join(root, "locked"), kind: "unlisted", detail: "Permission denied" }]);
  const { contents, verdicts } = await read(source, inside);
  const told = Object.fromEntries(inside.map(({ path }, at) => [path.slice(root.length), verdicts[at]]));
  expect(told["/secret"]).toMatchObject({ verdict: "unreadable", detail: "Permission denied" });
  expect(told["/device"]).toMatchObject({ verdict: "unreadable", detail: expect.stringContaining("device") });
  expect(told["/open"]).toMatchObject({ verdict: "same" });
  expect(contents[inside.findIndex(({ path }) => path.endsWith("/open"))]?.toString()).toBe("open");
  await there.close();
});

test("a path that is not there is an error that names it", async () => {
  await expect(list(overSftp(join(sshd.folder, "no-such")))).rejects.toMatchObject({
    code: "source-missing",
    message: expect.stringContaining("No such file"),
  });
});

test("an account that gets an SFTP server for every command is read over SFTP at once", async () => {
  await using host = await startSshHost({ sshdLines: ["ForceCommand internal-sftp"] });
  const root = join(host.folder, "tree");
  fs.mkdirSync(root);
  fs.writeFileSync(join(root, "file"), "content");
  const there = await connectTo(host);
  const source = createHostSource(there, { transfer: "auto", clock }, { name: "test", paths: [byteString(root)] });
  const { inside } = await list(source);
  const { contents } = await read(source, inside);
  expect(contents.at(-1)?.toString()).toBe("content");
  expect(source.lost?.()).toContain("hard-links");
  await there.close();
});

test.each([
  ["no find and no tar", {}],
  ["a find without -printf", { find: 'echo "find: unrecognized: -printf" >&2; exit 1' }],
  ["a tar that is not GNU tar", { find: 'exec /usr/bin/find "$@"', tar: 'echo "bsdtar 3.7.2"; exit 1' }],
])("a host with %s", async (label, programs) => {
  const paths = join(sshd.folder, `programs-${label.replaceAll(" ", "-")}`);
  fs.mkdirSync(paths);
  for (const [name, script] of Object.entries(programs)) {
    fs.writeFileSync(join(paths, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  for (const name of ["sh", "cat", "getent", "xargs"]) fs.symlinkSync(`/usr/bin/${name}`, join(paths, name));
  await using host = await startSshHost({ sshdLines: [`SetEnv PATH=${paths} HOME=/nonexistent`] });
  const root = makeTree(`tree-${label.replaceAll(" ", "-")}`);
  fs.writeFileSync(join(root, "file"), "content");
  const there = await connectTo(host);
  const make = (transfer: "auto" | "tar") =>
    createHostSource(there, { transfer, clock }, { name: "test", paths: [byteString(root)] });
  const source = make("auto");
  const { inside, problems } = await list(source);
  expect(problems).toEqual([]);
  if ("tar" in programs) {
    await expect(read(source, inside)).rejects.toMatchObject({ hint: expect.stringContaining("transfer: sftp") });
    expect(source.lost?.()).toEqual([]);
  } else {
    expect((await read(source, inside)).contents.at(-1)?.toString()).toBe("content");
    expect(source.lost?.()).toContain("xattrs");
    await expect(list(make("tar"))).rejects.toMatchObject({ code: expect.stringMatching(/^command-(missing|failed)$/) });
  }
  // A restore needs them, and a find that does not know its words must not make a full folder look empty.
  await expect(createRestoreTarget(there, byteString(root)).state(signal)).rejects.toMatchObject({
    code: "command-missing",
    message: expect.stringMatching(/needs GNU find and GNU tar there, and (find|tar) is not GNU/),
  });
  await there.close();
});

test("a host with neither GNU tools nor SFTP says both", async () => {
  await using host = await startSshHost({ sshdLines: ["ForceCommand exit 1"] });
  const there = await connectTo(host);
  const source = createHostSource(there, { transfer: "auto", clock }, { name: "test", paths: [fromBytes(Buffer.from("/"))] });
  // Whether it is gone before or after it is greeted is chance: it is told in the same way.
  for (let time = 0; time < 10; time++) {
    await expect(list(source)).rejects.toMatchObject({
      code: "command-failed",
      message: expect.stringMatching(/did not start find.*and over SFTP: the SFTP server of web1 ended/s),
      hint: expect.stringContaining("SFTP"),
    });
  }
  await there.close();
});

test("at 50 ms for a round trip the number of files costs few round trips", async () => {
  const root = makeTree("many");
  const count = 500;
  for (let at = 0; at < count; at++) fs.writeFileSync(join(root, `file-${at}`), Buffer.alloc(4096, at));
  await using proxy = await startTcpProxy({ target: sshd, delayMs: 25 });
  const known = join(sshd.folder, "known-proxy");
  fs.writeFileSync(known, fs.readFileSync(sshd.knownHostsFile, "utf8").replace(`:${sshd.port}`, `:${proxy.port}`));
  const far = await connectHost({ ...hostEntry(sshd), port: proxy.port, knownHosts: known }, connectOptions());
  const source = createHostSource(far, { transfer: "sftp", clock }, { name: "many", paths: [byteString(root)] });
  const started = performance.now();
  const files = (await list(source)).inside.filter(({ type }) => type === "file");
  const { contents } = await read(source, files);
  const elapsed = performance.now() - started;
  expect(contents.map((content) => content?.length)).toEqual(Array.from({ length: count }, () => 4096));
  // Open, read, look: one after the other this is 75 s.
  expect(elapsed).toBeLessThan((count * 3 * 50) / 5);
  await far.close();
});

test("a connection that breaks is an error of the listing and of the reading, and leaves nothing waiting", async () => {
  await using host = await startSshHost();
  const root = join(host.folder, "tree");
  fs.mkdirSync(root);
  execFileSync("sh", ["-c", 'head -c 60000000 /dev/zero > "$1"', "sh", join(root, "large")]);
  const there = await connectTo(host);
  const source = createHostSource(there, { transfer: "sftp", clock }, { name: "test", paths: [root as ByteString] });
  const { inside } = await list(source);
  await expect(
    (async () => {
      for await (const _ of source.read(inside, { signal })) await host.kill();
    })(),
  ).rejects.toMatchObject({ code: "connection-lost" });
  await expect(list(source)).rejects.toMatchObject({ code: expect.stringMatching(/host-unreachable|connection-lost/) });
  await there.close();
});

test("an aborted reading ends with the signal's reason", async () => {
  const root = makeTree("aborted");
  execFileSync("sh", ["-c", 'head -c 60000000 /dev/zero > "$1"', "sh", join(root, "large")]);
  const source = overSftp(root);
  const { inside } = await list(source);
  const stop = new AbortController();
  const reason = new Error("enough");
  await expect(
    (async () => {
      for await (const _ of source.read(inside, { signal: stop.signal })) stop.abort(reason);
    })(),
  ).rejects.toBe(reason);
  expect((await list(source)).inside.length).toBe(2);
});
