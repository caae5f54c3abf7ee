import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileEntry, Machine, RunningCommand } from "@lifeboat/model";
import { byteString } from "@lifeboat/model";
import { afterAll, expect, test } from "vitest";
import { LocalMachine } from "../process/local-machine.ts";
import { createFileSource } from "./create-file-source.ts";
import { hashFiles } from "./hash-files.ts";

const signal = new AbortController().signal;
const machine = new LocalMachine({ env: { PATH: "/usr/bin:/bin" } });
const folder = fs.mkdtempSync(join(tmpdir(), "lifeboat-hash-"));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

async function list(root: string): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  const source = createFileSource(machine, { name: "test", paths: [byteString(root)] });
  for await (const batch of source.list({ signal, problem: () => undefined })) entries.push(...batch);
  return entries.filter(({ type }) => type === "file");
}

test("names of any bytes are hashed in the order in which they are asked for; what is no longer that file has no hash", async () => {
  const inside = (name: Uint8Array | string) => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name)]);
  const names = ["plain", "a b", "-x", "\\", "new\nline", "*star", Buffer.from([0xff, 0xfe, 1])];
  for (const [at, name] of names.entries()) fs.writeFileSync(inside(name), `content ${at}`);
  for (const name of ["grown", "gone", "linked", "piped"]) fs.writeFileSync(inside(name), name);
  const entries = (await list(folder)).reverse();
  fs.appendFileSync(inside("grown"), "!");
  fs.rmSync(inside("gone"));
  for (const name of ["linked", "piped"]) fs.rmSync(inside(name));
  fs.symlinkSync("plain", inside("linked"));
  execFileSync("mkfifo", [join(folder, "piped")]);
  const hashes = await hashFiles({ machine, sudo: false, signal }, entries);
  const changed = ["grown", "gone", "linked", "piped"].map((name) => byteString(join(folder, name)));
  for (const [at, { path }] of entries.entries()) {
    if (changed.includes(path)) expect([path, hashes[at]]).toEqual([path, { state: "changed" }]);
    else {
      const sha256 = createHash("sha256")
        .update(fs.readFileSync(Buffer.from(path, "latin1")))
        .digest("hex");
      expect([path, hashes[at]]).toEqual([path, { state: "hashed", sha256 }]);
    }
  }
  expect(entries).toHaveLength(11);
});

test("without sha256sum nothing is hashed, and it is said why", async () => {
  const entries = await list(folder);
  const bin = fs.mkdtempSync(join(tmpdir(), "lifeboat-bin-"));
  for (const program of ["xargs", "find", "sh"]) fs.symlinkSync(`/usr/bin/${program}`, join(bin, program));
  const bare = new LocalMachine({ env: { PATH: bin } });
  const [first] = await hashFiles({ machine: bare, sudo: false, signal }, entries.slice(0, 1));
  fs.rmSync(bin, { recursive: true });
  expect(first).toEqual({ state: "unreadable", detail: expect.stringContaining("sha256sum") });
});

test.each([
  ["a hash of what it was not asked for", `${"a".repeat(64)} */etc/shadow\0`],
  ["no hash", "hello\0"],
  ["a record without end", "a".repeat(300_000)],
])("a host that answers with %s is refused", async (_, answer) => {
  const liar: Machine = {
    name: "liar",
    run: async () =>
      ({
        stdout: (async function* () {
          yield Buffer.from(answer, "latin1");
        })(),
        write: async () => undefined,
        endInput: () => undefined,
        stderr: () => "",
        exit: Promise.resolve({ status: 0, signal: null }),
        kill: () => undefined,
      }) satisfies RunningCommand,
    bytesReceived: () => 0,
    close: async () => undefined,
  };
  const [entry] = await list(folder);
  await expect(hashFiles({ machine: liar, sudo: false, signal }, [entry as FileEntry])).rejects.toMatchObject({
    code: "host-garbage",
  });
});
