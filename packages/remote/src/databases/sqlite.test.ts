import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { CompiledSource, Machine } from "@lifeboat/model";
import { byteString } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SshHost, startSshHost } from "../../../../test/services/index.ts";
import { LocalMachine } from "../process/local-machine.ts";
import { connectTo } from "../session/test-host.ts";
import { createSqliteDump } from "./create-sqlite-dump.ts";
import { loadSqliteDump } from "./load-dumps.ts";

const signal = new AbortController().signal;
let sshd: SshHost;
let folder: string;

beforeAll(async () => {
  sshd = await startSshHost();
  folder = fs.mkdtempSync(join(tmpdir(), "lifeboat-sqlite-"));
});
afterAll(async () => {
  await sshd?.stop();
  if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
});

type SqliteSource = Extract<CompiledSource, { type: "sqlite" }>;

function sourceOf(path: string, recordRows: SqliteSource["recordRows"] = "all"): SqliteSource {
  return {
    type: "sqlite",
    name: "notes",
    path: byteString(path),
    recordRows,
    guards: { minBytes: undefined, maxShrinkRatio: undefined, maxUnreadable: undefined },
  };
}

function makeDatabase(name: string, wal = false): string {
  const path = join(folder, name);
  const database = new DatabaseSync(path);
  if (wal) database.exec("pragma journal_mode = wal");
  database.exec(`create table notes (id integer primary key, body text, raw blob);
    create table "od""d
name" (v); insert into "od""d
name" values (1), ('COMMIT;'), (x'00ff');
    create index by_body on notes (body); create view v as select 1;
    create virtual table search using fts5(body);
    create trigger t after insert on notes begin select 1; end;`);
  database.exec("begin");
  const insert = database.prepare("insert into notes (body, raw) values (?, ?)");
  for (let at = 0; at < 3000; at++)
    insert.run(`note ${at}\nROLLBACK;\n.shell touch ${join(folder, "pwned")}\n`, Buffer.alloc(50, at));
  database.exec("commit");
  database.close();
  return path;
}

async function readDump(machine: Machine, source: SqliteSource) {
  const { stream, finished } = await createSqliteDump(machine, source).open({ signal });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return { bytes: Buffer.concat(chunks), facts: await finished };
}

async function* pieces(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

const local = (path = "/usr/bin:/bin") => new LocalMachine({ env: { PATH: path } });
const machines: [string, () => Promise<Machine>][] = [
  ["the worker itself", async () => local()],
  ["a host over ssh", () => connectTo(sshd)],
];

describe.each(machines)("a SQLite dump from %s", (label, make) => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await make();
  });
  afterAll(async () => machine?.close());

  test.each([
    ["a rollback journal", false],
    ["a write-ahead log", true],
  ])("of a database with %s loads into a new file with the same rows", async (_, wal) => {
    const path = makeDatabase(`it's ${wal} ${label}.db`, wal);
    const { bytes, facts } = await readDump(machine, sourceOf(path));
    expect(facts).toMatchObject({ engine: "sqlite", rows: { notes: 3000, 'od"d\nname': 3 }, consistency: "application" });
    expect(facts.serverVersion).toMatch(/^3\./);
    expect(facts.tables).toContain("notes");
    const copy = join(folder, `copy ${wal} ${label}.db`);
    await loadSqliteDump(machine, { path: copy, dump: pieces(bytes), signal });
    const sums = (file: string) => {
      const database = new DatabaseSync(file, { readOnly: true });
      const row = database.prepare("select count(*) n, sum(id) s, group_concat(body) b from notes").get();
      const odd = database.prepare('select group_concat(quote(v)) q from "od""d\nname"').get();
      database.close();
      return { ...row, ...odd };
    };
    expect(sums(copy)).toEqual(sums(path));
    expect(fs.existsSync(join(folder, "pwned"))).toBe(false);
    await expect(loadSqliteDump(machine, { path: copy, dump: pieces(bytes), signal })).rejects.toMatchObject({
      code: "target-not-empty",
    });
    const cut = loadSqliteDump(machine, { path: `${copy}.cut`, dump: pieces(bytes.subarray(0, -20)), signal });
    await expect(cut).rejects.toMatchObject({ code: "target-failed" });
  });

  test("one moment: a writer in between is in neither the rows nor the dump", async () => {
    const path = makeDatabase(`moment ${label}.db`, true);
    const { stream, finished } = await createSqliteDump(machine, sourceOf(path, ["notes"])).open({ signal });
    const writer = new DatabaseSync(path);
    writer.exec("insert into notes (body) values ('late arrival')");
    writer.close();
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(Buffer.from(chunk));
    expect((await finished).rows).toEqual({ notes: 3000 });
    expect(Buffer.concat(chunks).includes("late arrival")).toBe(false);
  });

  test("a damaged, a missing and a foreign file fail, and an unknown table too", async () => {
    const path = makeDatabase(`damaged ${label}.db`);
    const file = fs.openSync(path, "r+");
    fs.writeSync(file, Buffer.alloc(4096 * 20, 0xa5), 0, 4096 * 20, 4096 * 30);
    fs.closeSync(file);
    await expect(readDump(machine, sourceOf(path, []))).rejects.toMatchObject({ code: "dump-failed" });
    await expect(readDump(machine, sourceOf(join(folder, "none.db")))).rejects.toMatchObject({ code: "dump-failed" });
    expect(fs.existsSync(join(folder, "none.db"))).toBe(false);
    await expect(readDump(machine, sourceOf("/etc/passwd"))).rejects.toMatchObject({ code: "dump-failed" });
    const sound = makeDatabase(`sound ${label}.db`);
    await expect(readDump(machine, sourceOf(sound, ["nothing"]))).rejects.toMatchObject({
      message: expect.stringContaining('"nothing"'),
    });
  });
});

test.each([
  ["a status after the last byte", '/usr/bin/sqlite3 "$@"; exit 3'],
  ["no end marker", '/usr/bin/sqlite3 "$@" | sed -u "/^COMMIT;$/d"'],
  ["a kill in the middle", '/usr/bin/sqlite3 "$@" | dd bs=1 count=20000 status=none; kill -9 $$'],
])("a dump with %s fails", async (_, script) => {
  const bin = fs.mkdtempSync(join(folder, "bin-"));
  fs.writeFileSync(join(bin, "sqlite3"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const path = join(folder, `faulty ${bin.slice(-6)}.db`);
  execFileSync("/usr/bin/sqlite3", [path, "create table a (v text); insert into a values (printf('%.*c', 100000, 'x'));"]);
  expect((await readDump(local(), sourceOf(path, []))).facts.tables).toEqual(["a"]);
  await expect(readDump(local(`${bin}:/usr/bin:/bin`), sourceOf(path, []))).rejects.toMatchObject({ code: "dump-failed" });
});

test("a dump cannot run programs where it is loaded", async () => {
  const evil = Buffer.from(`.shell touch ${join(folder, "pwned")}\nBEGIN TRANSACTION;\nCREATE TABLE a (v);\nCOMMIT;\n`);
  await expect(loadSqliteDump(local(), { path: join(folder, "evil.db"), dump: pieces(evil), signal })).rejects.toMatchObject({
    code: "target-failed",
  });
  expect(fs.existsSync(join(folder, "pwned"))).toBe(false);
});
