import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import type { FileEntry, SourceProblem } from "@lifeboat/model";
import { byteString } from "@lifeboat/model";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type SshHost, startSshHost } from "../../../../test/services/index.ts";
import type { SshMachine } from "../session/ssh-machine.ts";
import { connectOptions, connectTo } from "../session/test-host.ts";
import { createHostSource } from "./create-host-source.ts";

// Anybody with an account can make such files, on every tmpfs: they must cost themselves and not the run.

const signal = new AbortController().signal;
const { clock } = connectOptions();
/** What Linux has in memory everywhere; other file systems take no file of that size. */
const memory = "/dev/shm";
let sshd: SshHost;
let machine: SshMachine;
let root: string;

beforeAll(async () => {
  sshd = await startSshHost();
  machine = await connectTo(sshd);
  root = fs.mkdtempSync(join(memory, "lifeboat-extreme-"));
  execFileSync("truncate", ["-s", "9007199254740993", join(root, "big")]);
  execFileSync("touch", ["-d", "@1152921504606846976", join(root, "big")]);
  for (const name of ["before", "late"]) fs.writeFileSync(join(root, name), `content of ${name}`);
  execFileSync("touch", ["-d", "@1152921504606846976", join(root, "late")]);
});
afterAll(async () => {
  await machine?.close();
  await sshd?.stop();
  if (root !== undefined) fs.rmSync(root, { recursive: true, force: true });
});

async function listAll(transfer: "tar" | "sftp", paths: string[], exclude: string[] = []) {
  const source = createHostSource(machine, { transfer, clock }, { name: "test", paths: paths.map(byteString), exclude });
  const entries: FileEntry[] = [];
  const problems: SourceProblem[] = [];
  for await (const batch of source.list({ signal, problem: (problem) => problems.push(problem) })) entries.push(...batch);
  return { source, problems, inside: entries.filter(({ above }) => above !== true) };
}

test.each(["tar", "sftp"] as const)(
  "over %s a size beyond 32 TiB or 2^53 is that file's own problem, and all others are read",
  async (transfer) => {
    execFileSync("truncate", ["-s", `${2 ** 45 + 1}`, join(root, "long")]);
    onTestFinished(() => fs.rmSync(join(root, "long"), { force: true }));
    const { source, inside, problems } = await listAll(transfer, [root]);
    expect(problems.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: join(root, "big"), kind: "unreadable", detail: expect.stringMatching(/^File too large: about 900719925474099/) },
      {
        path: join(root, "long"),
        kind: "unreadable",
        detail: "File too large: 35184372088833 bytes, 35184372088832 can be stored",
      },
    ]);
    expect(inside.map(({ path }) => path.slice(root.length)).sort()).toEqual(["", "/before", "/late"]);
    const verdicts: string[] = [];
    const contents: string[] = [];
    for await (const events of source.read(inside, { signal })) {
      for (const event of events) {
        if (event.kind === "data") contents.push(Buffer.from(event.bytes).toString());
        if (event.kind === "verdict") verdicts.push(event.verdict);
      }
    }
    expect(contents.sort()).toEqual(["content of before", "content of late"]);
    expect(verdicts).toEqual(["same", "same", "same"]);
  },
);

test("a time beyond the calendar is the last one that there is", async () => {
  const { inside } = await listAll("tar", [root]);
  expect(inside.find(({ path }) => path.endsWith("/late"))?.mtime).toBe("9999-12-31T23:59:59Z");
});

test.each(["tar", "sftp"] as const)(
  "over %s one that is excluded is no problem, and one that is a path itself is told",
  async (transfer) => {
    expect((await listAll(transfer, [root], ["big"])).problems).toEqual([]);
    const { inside, problems } = await listAll(transfer, [join(root, "big"), join(root, "late")]);
    expect(problems).toMatchObject([{ path: join(root, "big"), kind: "unreadable" }]);
    expect(inside.map(({ path }) => path)).toEqual([join(root, "late")]);
  },
);

test.each(["tar", "sftp"] as const)(
  "over %s a file that grows beyond 2^53 after it was listed is its own problem, and one that stays within is read again",
  async (transfer) => {
    const place = join(root, transfer);
    fs.mkdirSync(place);
    for (const name of ["a", "beyond", "m", "within", "z"]) fs.writeFileSync(join(place, name), `content of ${name}`);
    const { source, inside } = await listAll(transfer, [place]);
    execFileSync("truncate", ["-s", "9007199254740993", join(place, "beyond")]);
    execFileSync("truncate", ["-s", "17592186044416", join(place, "within")]);
    const contents: string[] = [];
    const verdicts: string[] = [];
    for await (const events of source.read(inside, { signal })) {
      for (const event of events) {
        const name = "index" in event ? inside[event.index]?.path.slice(place.length + 1) : "";
        if (event.kind === "data" && ["a", "m", "z"].includes(name ?? "")) contents.push(Buffer.from(event.bytes).toString());
        if (event.kind === "verdict") verdicts.push(`${name}: ${event.verdict} ${event.now?.size ?? event.detail ?? ""}`.trim());
      }
    }
    expect(contents.sort()).toEqual(["content of a", "content of m", "content of z"]);
    expect(verdicts.sort()).toEqual([
      ": same",
      "a: same",
      expect.stringMatching(/^beyond: unreadable File too large: about 900719925474099/),
      "m: same",
      "within: changed 17592186044416",
      "z: same",
    ]);
    fs.rmSync(place, { recursive: true });
  },
);
