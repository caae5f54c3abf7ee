import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileEntry } from "@lifeboat/model";
import { afterAll, expect, test } from "vitest";
import { LocalMachine } from "../process/local-machine.ts";
import { OwnerNames } from "./owner-names.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-owners-"));
afterAll(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();

/** A machine with `cat` and nothing else but what is written here. */
function machineWith(programs: Readonly<Record<string, string>>): LocalMachine {
  const bin = mkdtempSync(join(folder, "bin-"));
  for (const program of ["cat", "sh"]) symlinkSync(`/bin/${program}`, join(bin, program));
  for (const [program, script] of Object.entries(programs)) {
    writeFileSync(join(bin, program), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, program), 0o755);
  }
  return new LocalMachine({ env: { PATH: bin } });
}

const entry = (uid: number, gid: number) => ({ uid, gid, user: "", group: "" }) as FileEntry;

async function namesOn(machine: LocalMachine, entries: FileEntry[]): Promise<string[]> {
  await new OwnerNames(machine).fill(entries, signal);
  return entries.map(({ user, group }) => `${user}:${group}`);
}

test("names are this machine's, and empty where there is none", async () => {
  const machine = new LocalMachine({ env: { PATH: "/usr/bin:/bin" } });
  expect(await namesOn(machine, [entry(0, 0), entry(3_000_000_000, 3_000_000_001)])).toEqual(["root:root", ":"]);
});

test("without getent they come from the files", async () => {
  expect(await namesOn(machineWith({}), [entry(0, 0), entry(3_000_000_000, 12_345_678)])).toEqual(["root:root", ":"]);
});

test("each number is asked for once, and the first of several accounts counts", async () => {
  const log = join(folder, "asked");
  const machine = machineWith({ getent: `echo "$@" >> ${log}; echo "first:x:$2:"; echo "second:x:$2:"; exit 0` });
  const names = new OwnerNames(machine);
  for (let round = 0; round < 3; round++) await names.fill([entry(5, 6), entry(5, 6)], signal);
  expect(readFileSync(log, "utf8").trim().split("\n").sort()).toEqual(["group 6", "passwd 5"]);
  const again = [entry(5, 6)];
  await names.fill(again, signal);
  expect(again).toMatchObject([{ user: "first", group: "first" }]);
});

test("control characters in a name do not get through", async () => {
  const machine = machineWith({ getent: `printf 'ev\\033[2Jil\\177:x:7:\\n'` });
  expect(await namesOn(machine, [entry(7, 7)])).toEqual(["ev\ufffd[2Jil\ufffd:ev\ufffd[2Jil\ufffd"]);
});

test("what was not asked for is not believed, and endless answers end", async () => {
  const liar = machineWith({ getent: "echo root:x:0:; echo other:x:9:" });
  expect(await namesOn(liar, [entry(7, 9)])).toEqual([":other"]);
  const endless = machineWith({
    getent: "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done",
  });
  await expect(namesOn(endless, [entry(7, 7)])).rejects.toMatchObject({ code: "host-garbage" });
});
