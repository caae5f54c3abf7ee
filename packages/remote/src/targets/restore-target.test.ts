import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Machine } from "@lifeboat/model";
import { byteString, fromBytes } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SshHost, startSshHost } from "../../../../test/services/index.ts";
import { LocalMachine } from "../process/local-machine.ts";
import { connectTo } from "../session/test-host.ts";
import { createRestoreTarget } from "./create-restore-target.ts";
import { judgeExtract } from "./extract-failure.ts";

const isRoot = process.getuid?.() === 0;
const signal = new AbortController().signal;
let sshd: SshHost;
let folder: string;
let archive: Buffer;
let tree: string;

beforeAll(async () => {
  sshd = await startSshHost();
  folder = fs.mkdtempSync(join(tmpdir(), "lifeboat-target-"));
  fs.chmodSync(folder, 0o755);
  tree = join(folder, "tree");
  fs.mkdirSync(join(tree, "dir/deep"), { recursive: true });
  const put = (name: string | Buffer) => fs.writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(name)]), name);
  for (let byte = 1; byte < 256; byte++) if (byte !== 47 && byte !== 46) put(Buffer.from([byte]));
  for (const name of ["a".repeat(255), "file", "suid", "dir/deep/x", "-C", "--owner=nobody"]) put(name);
  fs.linkSync(join(tree, "file"), join(tree, "dir/hard"));
  fs.symlinkSync("/etc/passwd", join(tree, "absolute"));
  fs.symlinkSync("../nowhere", join(tree, "dir/dangling"));
  execFileSync("mkfifo", [join(tree, "fifo")]);
  execFileSync("truncate", ["-s", "20M", join(tree, "sparse")]);
  fs.appendFileSync(join(tree, "sparse"), "end");
  execFileSync("setfacl", ["-m", "u:12345:rwx", join(tree, "file")]);
  execFileSync("setfacl", ["-d", "-m", "g:777:rx", join(tree, "dir")]);
  execFileSync("setfattr", ["-n", "user.a=%", "-v", "0x000aff", join(tree, "file")]);
  fs.chmodSync(join(tree, "dir"), 0o1777);
  if (isRoot) {
    execFileSync("mknod", [join(tree, "char"), "c", "300", "70000"]);
    execFileSync("mknod", [join(tree, "block"), "b", "8", "1"]);
    fs.chownSync(join(tree, "suid"), 3_000_000_000, 456);
    fs.lchownSync(join(tree, "absolute"), 77, 88);
    execFileSync("setfattr", [
      "-n",
      "security.capability",
      "-v",
      "0x0100000200040000000000000000000000000000",
      join(tree, "dir/deep/x"),
    ]);
  }
  fs.chmodSync(join(tree, "suid"), 0o6751);
  execFileSync("touch", ["-h", "-d", "2001-02-03T04:05:06.123456789Z", join(tree, "absolute"), join(tree, "suid")]);
  execFileSync("touch", ["-d", "1965-02-03T04:05:06.123456789Z", join(tree, "dir"), join(tree, "file")]);
  const words = ["-c", "--format=posix", "--xattrs", "--xattrs-include=*", "--no-acls", "--sparse", "-C", folder, "tree"];
  archive = execFileSync("tar", words, { maxBuffer: 1 << 28, env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } });
});
afterAll(async () => {
  await sshd?.stop();
  if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
});

async function extract(machine: Machine, path: string, bytes = archive) {
  const target = createRestoreTarget(machine, byteString(path));
  const command = await target.extract(signal);
  await command.write(bytes).then(
    () => command.endInput(),
    () => undefined,
  );
  const { status } = await command.exit;
  return { status, ...judgeExtract(target.name, status, command.stderr()) };
}

const machines: [string, () => Promise<Machine>][] = [
  ["the worker itself", async () => new LocalMachine({ env: { PATH: "/usr/bin:/bin" } })],
  ["a host over ssh", () => connectTo(sshd)],
];

describe.each(machines)("a folder on %s", (label, make) => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await make();
  });
  afterAll(async () => machine?.close());

  test("gets back every kind of file with all metadata, as rsync sees it", async () => {
    const path = join(folder, `new-${label.length}/é\n'deep`);
    expect(await extract(machine, path)).toEqual({ status: 0, failure: undefined, problems: [] });
    const difference = execFileSync("rsync", [
      "-aHAX",
      "--numeric-ids",
      "--checksum",
      "--itemize-changes",
      "--dry-run",
      "--delete",
      `${tree}/`,
      `${path}/tree/`,
    ]);
    expect(difference.toString()).toBe("");
    expect(fs.statSync(join(path, "tree/sparse")).blocks).toBeLessThan(1000);
    const nanos = (root: string, name: string) => fs.lstatSync(join(root, name), { bigint: true }).mtimeNs;
    for (const name of ["absolute", "suid", "dir", "file"]) expect(nanos(`${path}/tree`, name)).toBe(nanos(tree, name));
  });

  test("tells what stands there before", async () => {
    const state = (name: string) => createRestoreTarget(machine, byteString(join(folder, name))).state(signal);
    const name = `state-${label.length}`;
    expect(await state(`${name}/not/there`)).toMatchObject({ exists: false, empty: true, root: isRoot });
    fs.mkdirSync(join(folder, name));
    const empty = await state(name);
    expect(empty).toMatchObject({ exists: true, empty: true });
    const space = fs.statfsSync(folder);
    expect(Math.abs(empty.freeBytes - space.bavail * space.bsize)).toBeLessThan(2 ** 30);
    fs.writeFileSync(join(folder, name, ".hidden"), "");
    expect(await state(name)).toMatchObject({ exists: true, empty: false });
    await expect(state(`${name}/.hidden`)).rejects.toMatchObject({ code: "target-failed" });
    expect(() => createRestoreTarget(machine, byteString("relative"))).toThrow();
  });

  test("nothing that exists is overwritten, and each is named", async () => {
    const path = join(folder, `old-${label.length}`);
    fs.mkdirSync(join(path, "tree"), { recursive: true });
    fs.writeFileSync(join(path, "tree/file"), "precious");
    const outcome = await extract(machine, path);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.problems.map((problem) => problem.path)).toContain("tree/file");
    expect(fs.readFileSync(join(path, "tree/file"), "utf8")).toBe("precious");
    expect(fs.readFileSync(join(path, "tree/suid"), "utf8")).toBe("suid");
  });

  test("a stream cannot leave the folder", async () => {
    const evil = join(folder, `evil-${label.length}`);
    fs.mkdirSync(evil);
    const path = join(folder, `jail-${label.length}`);
    const script = [
      "import tarfile,io,sys",
      "t=tarfile.open(fileobj=sys.stdout.buffer,mode='w|',format=tarfile.PAX_FORMAT)",
      `l=tarfile.TarInfo('out'); l.type=tarfile.SYMTYPE; l.linkname='${evil}'; t.addfile(l)`,
      "for n in ('out/through','../up','/tmp/lifeboat-absolute'):",
      " f=tarfile.TarInfo(n); f.size=1; t.addfile(f,io.BytesIO(b'x'))",
      "t.close()",
    ].join("\n");
    await extract(machine, path, execFileSync("python3", ["-c", script]));
    expect(fs.readdirSync(evil)).toEqual([]);
    expect(fs.existsSync(join(folder, "up"))).toBe(false);
    expect(fs.existsSync("/tmp/lifeboat-absolute")).toBe(false);
  });

  test("a cut stream and a folder that cannot be made are failures", async () => {
    const cut = await extract(machine, join(folder, `cut-${label.length}`), archive.subarray(0, archive.length >>> 1));
    expect(cut.failure).toMatchObject({ code: "target-failed" });
    const blocked = await extract(machine, join(tree, "file/below"));
    expect(blocked.failure).toMatchObject({ code: "target-failed" });
  });

  test("a full disk is named", async (context) => {
    const small = join(folder, `small-${label.length}`);
    fs.mkdirSync(small);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small]).status !== 0)
      context.skip("no tmpfs can be mounted here");
    try {
      const big = execFileSync("tar", ["-c", "-C", "/usr/bin", "bash"], { maxBuffer: 1 << 28 });
      expect((await extract(machine, join(small, "x"), big)).failure).toMatchObject({ code: "target-full" });
    } finally {
      spawnSync("umount", [small]);
    }
  });
});

test.runIf(isRoot)("an account without rights restores what it may and says what it could not set (needs root)", async () => {
  class Unprivileged extends LocalMachine {
    override run(argv: Parameters<LocalMachine["run"]>[0], options: Parameters<LocalMachine["run"]>[1] = {}) {
      return super.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", ...argv], options);
    }
  }
  const machine = new Unprivileged({ env: { PATH: "/usr/bin:/bin" } });
  const path = join(folder, "as-nobody");
  fs.mkdirSync(path);
  fs.chownSync(path, 65534, 65534);
  const outcome = await extract(machine, path);
  expect(outcome.failure).toBeUndefined();
  expect(new Set(outcome.problems.map((problem) => problem.path))).toEqual(
    new Set(["tree/char", "tree/block", "tree/dir/deep/x"]),
  );
  expect(fs.statSync(join(path, "tree/file")).uid).toBe(65534);
  expect((await createRestoreTarget(machine, fromBytes(Buffer.from(path))).state(signal)).root).toBe(false);
});
