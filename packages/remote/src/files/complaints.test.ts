import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { byteString, type FileEntry, type Machine, type ReadEvent, type SourceProblem } from "@lifeboat/model";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalMachine } from "../process/local-machine.ts";
import { ComplaintReader } from "./complaint-reader.ts";
import type { Complaint } from "./complaints.ts";
import { createFileSource } from "./create-file-source.ts";

const signal = new AbortController().signal;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lifeboat-complaints-"));
  chmodSync(folder, 0o755);
});
afterAll(() => {
  // Too long for one call, so from within.
  execFileSync("rm", ["-rf", folder]);
});

/** A program of that name stands before the host's own. */
function machineWith(program: string, script: string): Machine {
  const bin = mkdtempSync(join(folder, "bin-"));
  writeFileSync(join(bin, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return new LocalMachine({ env: { PATH: `${bin}:/usr/bin:/bin` } });
}

async function readAll(machine: Machine, entries: readonly FileEntry[], path = folder): Promise<ReadEvent[]> {
  const events: ReadEvent[] = [];
  const source = createFileSource(machine, { name: "test", paths: [byteString(path)] });
  for await (const some of source.read(entries, { signal })) events.push(...some);
  return events;
}

async function listAll(machine: Machine, path: string): Promise<{ entries: FileEntry[]; problems: SourceProblem[] }> {
  const [entries, problems]: [FileEntry[], SourceProblem[]] = [[], []];
  const source = createFileSource(machine, { name: "test", paths: [byteString(path)] });
  for await (const some of source.list({ signal, problem: (problem) => problems.push(problem) })) entries.push(...some);
  return { entries: entries.filter(({ above }) => above !== true), problems };
}

test("complaints are understood wherever the stream is cut, and what names no path is kept in part", () => {
  const text = [
    `tar: "/a\\nb": Cannot open: No`,
    "tar: Exiting with failure",
    `tar: "/\\303\\244": File removed before we read it`,
  ];
  const bytes = Buffer.from(text.join("\n"));
  for (let cut = 0; cut <= bytes.length; cut++) {
    const told: Complaint[] = [];
    const reader = new ComplaintReader("tar", (complaint) => told.push(complaint));
    reader.push(bytes.subarray(0, cut));
    reader.push(bytes.subarray(cut));
    expect(reader.isWithin).toBe(true);
    reader.end();
    expect(told).toEqual([
      { path: "/a\nb", message: "Cannot open: No" },
      { path: "/\xc3\xa4", message: "File removed before we read it" },
    ]);
    expect([...reader.others]).toEqual(["tar: Exiting with failure"]);
    expect(reader.count).toBe(2);
  }
});

test("a line without end and lines without end fill no memory", () => {
  const told: Complaint[] = [];
  const reader = new ComplaintReader("tar", (complaint) => told.push(complaint));
  const part = Buffer.alloc(64 * 1024, "x");
  reader.push(Buffer.from(`tar: "/`));
  for (let at = 0; at < 1000; at++) reader.push(part);
  reader.push(Buffer.from(`": Cannot open: No\ntar: "/next": Cannot open: Yes\n`));
  for (let at = 0; at < 5000; at++) reader.push(Buffer.from(`words ${at}\n`));
  expect(told).toEqual([{ path: "/next", message: "Cannot open: Yes" }]);
  expect(reader.others).toHaveLength(101);
  expect(reader.others.join("").length).toBeLessThan(10_000);
  expect(reader.others.at(-1)).toBe("... and 4901 more lines");
});

test("each of thousands of files that tar complains about gets its own words, though they are more than 12 MiB", async () => {
  const tree = mkdtempSync(join(folder, "tree-"));
  // Written as octal digits a name is four times as long: 2000 of these are 14 MiB.
  const deep = join(tree, ...Array.from({ length: 9 }, () => "\xe4".repeat(100)));
  mkdirSync(deep, { recursive: true });
  for (let at = 0; at < 2000; at++) writeFileSync(join(deep, `file-${at}`), `${at}`);
  const { entries } = await listAll(new LocalMachine({ env: { PATH: "/usr/bin:/bin" } }), tree);
  const files = entries.filter(({ type }) => type === "file");
  expect(files).toHaveLength(2000);
  // As tar says it of what it may not open: nobody stops root.
  const complain = `perl -0 -ne 'chomp; s/([^ -~])/sprintf("\\\\%03o", ord($1))/ge; print STDERR "tar: \\"$_\\": Cannot open: Permission denied\\n"'; head -c 10240 /dev/zero; exit 2`;
  const events = await readAll(machineWith("tar", complain), files, tree);
  const verdicts = events.filter((event) => event.kind === "verdict");
  expect(verdicts).toHaveLength(2000);
  for (const verdict of verdicts) {
    expect(verdict).toMatchObject({ verdict: "unreadable", detail: "Cannot open: Permission denied" });
  }
}, 60_000);

test("a tar that complains without end about what it was not asked for is stopped", async () => {
  const tree = mkdtempSync(join(folder, "tree-"));
  writeFileSync(join(tree, "file"), "x");
  const { entries } = await listAll(new LocalMachine({ env: { PATH: "/usr/bin:/bin" } }), tree);
  const machine = machineWith("tar", `yes 'tar: "/etc/shadow": Cannot open: Permission denied' >&2`);
  await expect(readAll(machine, entries)).rejects.toMatchObject({
    code: "host-garbage",
    message: expect.stringMatching(/without end/),
  });
}, 60_000);

test("every folder that find could not enter is told, though it says so in more than 8 MiB", async () => {
  const words = `perl -e '$long = "x" x 200; print STDERR qq(find: \\x27${folder}/$long/$_\\x27: Permission denied\\n) for 1..40000'`;
  const script = `case "$*" in *-maxdepth*) exec /usr/bin/find "$@";; esac\n/usr/bin/find "$@"\n${words}\nexit 1`;
  const { problems } = await listAll(machineWith("find", script), mkdtempSync(join(folder, "tree-")));
  expect(problems).toHaveLength(40_000);
  expect(new Set(problems.map(({ path }) => path)).size).toBe(40_000);
  expect(problems[0]).toMatchObject({ kind: "unlisted", detail: "Permission denied" });
}, 60_000);
