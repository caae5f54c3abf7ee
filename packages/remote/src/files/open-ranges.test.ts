import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { byteString, type FileEntry, type FileRanges, fromBytes, type Machine } from "@lifeboat/model";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createSeededRandom } from "../../../../test/fixtures/seeded-random.ts";
import { createTempFolder, type SshHost, startSshHost, type TempFolder } from "../../../../test/services/index.ts";
import { LocalMachine } from "../process/local-machine.ts";
import { connectTo } from "../session/test-host.ts";
import { createFileSource } from "./create-file-source.ts";
import { openRanges, RangePrograms } from "./open-ranges.ts";
import { OwnerNames } from "./owner-names.ts";
import type { RangeProgramName } from "./range-programs.ts";
import { readFiles } from "./read-files.ts";

const isRoot = process.getuid?.() === 0;
const hasPerl = spawnSync("perl", ["-MDigest::SHA", "-e", "1"]).status === 0;
const signal = new AbortController().signal;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const content = createSeededRandom(7).bytes(3_000_000);

let ssh: SshHost;
let temp: TempFolder;
let folder: string;
let number = 0;

beforeAll(async () => {
  [ssh, temp] = await Promise.all([startSshHost(), createTempFolder("ranges")]);
}, 60_000);
afterAll(async () => {
  await ssh?.stop();
  await temp?.remove();
});
beforeEach(() => {
  folder = join(temp.path, String(number++));
  fs.mkdirSync(folder);
});

const contextOf = (machine: Machine) => ({ machine, names: new OwnerNames(machine), sudo: false, signal });

async function listed(machine: Machine, path: string | Buffer): Promise<FileEntry> {
  const source = createFileSource(machine, { name: "test", paths: [fromBytes(Buffer.from(path))] });
  const entries: FileEntry[] = [];
  for await (const batch of source.list({ signal, problem: () => undefined })) entries.push(...batch);
  return entries.at(-1)!;
}

function programsOf(name: RangeProgramName): RangePrograms {
  const programs = new RangePrograms();
  if (name === "perl") programs.isOfNoUse("python3");
  return programs;
}

async function opened(
  machine: Machine,
  entry: FileEntry,
  programs = new RangePrograms(),
  known = entry.size,
): Promise<FileRanges> {
  const ranges = await openRanges(contextOf(machine), programs, entry, known);
  if ("declined" in ranges) throw new Error(ranges.declined);
  return ranges;
}

async function withMachine(kind: "here" | "over SSH", work: (machine: Machine) => Promise<void>): Promise<void> {
  const machine = kind === "here" ? new LocalMachine({ env: { PATH: process.env.PATH ?? "" } }) : await connectTo(ssh);
  try {
    await work(machine);
  } finally {
    await machine.close();
  }
}

describe.each([
  ["python3", "here"],
  ["python3", "over SSH"],
  ["perl", "here"],
  ["perl", "over SSH"],
] as const)("%s, %s", (program, kind) => {
  const testWith = test.skipIf(program === "perl" && !hasPerl);

  testWith("answers about ranges and attributes, in their order (needs Digest::SHA of perl)", async () => {
    const path = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x7b, 0xff, 0x0a, 0x27, 0x20, 0x21])]);
    const plain = join(folder, "plain");
    fs.writeFileSync(plain, content);
    for (const [name, value] of [
      ["user.note", "0x00ff0a3d"],
      ["user.with=equals", "text"],
      ...(isRoot ? [["trusted.own", "0x01"] as const] : []),
    ] as const) {
      execFileSync("setfattr", ["-n", name, "-v", value, plain]);
    }
    execFileSync("setfacl", ["-m", "u:1234:r", plain]);
    fs.renameSync(plain, path);
    await withMachine(kind, async (machine) => {
      const entry = await listed(machine, path);
      const ranges = await opened(machine, entry, programsOf(program));
      const byTar: unknown[] = [];
      for await (const events of readFiles(contextOf(machine), [entry]))
        for (const event of events) if (event.kind === "start") byTar.push(...event.extras.xattrs);
      const byName = (xattrs: readonly unknown[]) => [...xattrs].map((one) => JSON.stringify(one)).sort();
      expect(byName(ranges.extras.xattrs)).toEqual(byName(byTar));
      expect(byTar.length).toBe(isRoot ? 4 : 3);
      const [whole, part, pages, bytes, page] = await Promise.all([
        ranges.hash(0, content.length),
        ranges.hash(12_345, 1_500_000),
        ranges.hashPages(4000, 4097 + 96),
        ranges.read(2_000_001, 999_999),
        ranges.hashPages(8192, 4096),
      ]);
      expect(Buffer.from(whole).toString("hex")).toBe(sha256(content));
      expect(Buffer.from(part).toString("hex")).toBe(sha256(content.subarray(12_345, 1_512_345)));
      const expected = [
        [4000, 4096],
        [4096, 8192],
        [8192, 8193],
      ].map(([from, to]) => sha256(content.subarray(from, to)).slice(0, 32));
      expect(Buffer.from(pages).toString("hex")).toBe(expected.join(""));
      expect(Buffer.from(bytes).equals(content.subarray(2_000_001))).toBe(true);
      expect(Buffer.from(page).toString("hex")).toBe(sha256(content.subarray(8192, 12_288)).slice(0, 32));
      expect(await ranges.finish()).toMatchObject({ verdict: "same" });
      ranges.close();
    });
  });

  testWith("says what became of the file (needs Digest::SHA of perl)", async () => {
    const path = join(folder, "file");
    await withMachine(kind, async (machine) => {
      const finish = async (change: () => void) => {
        fs.writeFileSync(path, content);
        const entry = await listed(machine, path);
        const ranges = await opened(machine, entry, programsOf(program));
        await ranges.hash(0, 100);
        change();
        return (await ranges.finish()).verdict;
      };
      expect(await finish(() => fs.appendFileSync(path, "more"))).toBe("changed");
      expect(await finish(() => fs.chmodSync(path, 0o600))).toBe("changed");
      expect(await finish(() => fs.rmSync(path))).toBe("vanished");
    });
  });

  testWith("gives nothing for a range that is not there (needs Digest::SHA of perl)", async () => {
    const path = join(folder, "file");
    fs.writeFileSync(path, content);
    await withMachine(kind, async (machine) => {
      const entry = await listed(machine, path);
      for (const kindOfQuestion of ["hash", "hashPages", "read"] as const) {
        const ranges = await opened(machine, entry, programsOf(program));
        const good = ranges.read(0, 10);
        await expect(ranges[kindOfQuestion](content.length - 5000, 5001)).rejects.toMatchObject({ code: "command-failed" });
        expect(Buffer.from(await good).equals(content.subarray(0, 10))).toBe(true);
        await expect(ranges.read(0, 10)).rejects.toThrow();
        await expect(ranges.finish()).rejects.toMatchObject({ code: "host-garbage" });
      }
    });
  });

  testWith("opens no link, no fifo, no folder, no other file, and none with many holes (needs Digest::SHA of perl)", async () => {
    const path = join(folder, "file");
    await withMachine(kind, async (machine) => {
      const programs = programsOf(program);
      const declined = async (entry: FileEntry, known = entry.size) => {
        const ranges = await openRanges(contextOf(machine), programs, entry, known);
        if ("declined" in ranges) return ranges.declined;
        ranges.close();
        return undefined;
      };
      fs.writeFileSync(path, content);
      const entry = await listed(machine, path);
      expect(await declined(entry)).toBeUndefined();
      fs.writeFileSync(`${path}-other`, content);
      fs.renameSync(`${path}-other`, path);
      expect(await declined(entry)).toMatch(/another file/);
      fs.renameSync(path, `${path}-away`);
      expect(await declined(entry)).toMatch(/not there/);
      fs.symlinkSync(`${path}-away`, path);
      expect(await declined(entry)).toMatch(/no regular file/);
      fs.rmSync(path);
      execFileSync("mkfifo", [path]);
      expect(await declined(entry)).toMatch(/no regular file/);
      expect(await declined({ ...entry, path: byteString(folder) })).toMatch(/no regular file/);
      fs.rmSync(path);
      // Data at the beginning, a hole behind it.
      fs.writeFileSync(path, content);
      fs.truncateSync(path, 5_000_000);
      const grown = await listed(machine, path);
      expect(await declined(grown)).toBeUndefined();
      expect(await declined(grown, content.length)).toMatch(/holes/);
      fs.truncateSync(path, 50_000_000);
      expect(await declined(await listed(machine, path))).toMatch(/holes/);
      // None of it says anything of the program.
      expect(programs.best).toBe(program);
    });
  });
});

/** A machine on which `python3` is this shell script, and perl is missing. */
function machineWith(script: string | undefined): Machine {
  const bin = join(folder, "bin");
  fs.mkdirSync(bin);
  for (const name of ["sh", "find", "tar", "xargs", "getent", "cat", "head", "sleep", "env", "printf", "yes"]) {
    fs.symlinkSync(execFileSync("which", [name], { encoding: "utf8" }).trim(), join(bin, name));
  }
  if (script !== undefined) fs.writeFileSync(join(bin, "python3"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return new LocalMachine({ env: { PATH: bin } });
}

describe("a host", () => {
  let path: string;
  beforeEach(() => {
    path = join(folder, "file");
    fs.writeFileSync(path, content);
  });

  test("without any program for it is not asked twice", async () => {
    const machine = machineWith(undefined);
    const entry = await listed(machine, path);
    const programs = new RangePrograms();
    for (const words of [/python3: .*perl: /, /neither/]) {
      expect(await openRanges(contextOf(machine), programs, entry, entry.size)).toEqual({
        declined: expect.stringMatching(words),
      });
      expect(programs.best).toBeUndefined();
    }
  });

  test.each([
    ["says nothing and ends", "exit 0"],
    ["says something else", "echo hello; cat >/dev/null"],
    ["says it too long", "yes ranges1"],
    ["fails", "echo no such module >&2; exit 1"],
    ["tells attributes without end", `inode=$(find 'PATH' -printf %i); printf 'ranges1 %s 9999999\\n' "$inode"; cat /dev/zero`],
    [
      "tells attributes that are none",
      `inode=$(find 'PATH' -printf %i); printf 'ranges1 %s 9\\n123456789' "$inode"; cat >/dev/null`,
    ],
    ["tells attributes and ends", `inode=$(find 'PATH' -printf %i); printf 'ranges1 %s 9\\n' "$inode"`],
  ])("whose program %s is read whole", async (_, script) => {
    const machine = machineWith(script.replace("PATH", path));
    const entry = await listed(machine, path);
    const ranges = await openRanges(contextOf(machine), new RangePrograms(), entry, entry.size).catch(
      (error: { code: string }) => ({
        declined: error.code,
      }),
    );
    expect(ranges).toEqual({ declined: expect.any(String) });
  });

  test("that answers more than it was asked is found out", async () => {
    const machine = machineWith(
      `inode=$(find '${path}' -printf %i); printf 'ranges1 %s 0\\n' "$inode"; head -c 3000000 /dev/zero; cat >/dev/null`,
    );
    const entry = await listed(machine, path);
    const ranges = await opened(machine, entry);
    await expect(ranges.hash(0, 10).then(() => ranges.finish())).rejects.toMatchObject({ code: "host-garbage" });
    ranges.close();
  });

  test("that is lost meanwhile rejects what was asked", async () => {
    const machine = await connectTo(ssh);
    const ranges = await opened(machine, await listed(machine, path));
    const asked = ranges.hash(0, content.length);
    await machine.close();
    await expect(asked.then(() => ranges.hash(0, 10))).rejects.toThrow();
  });
});
