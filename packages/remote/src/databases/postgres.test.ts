import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CompiledSource, DumpSource, Machine } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PostgresServer, type SshHost, startPostgres, startSshHost } from "../../../../test/services/index.ts";
import { LocalMachine } from "../process/local-machine.ts";
import { connectTo } from "../session/test-host.ts";
import { createPostgresDump } from "./create-postgres-dump.ts";
import { createPostgresDatabase, loadPostgresDump } from "./load-dumps.ts";
import { PostgresArchiveCheck } from "./postgres-archive.ts";

const signal = new AbortController().signal;
let postgres: PostgresServer;
let sshd: SshHost;
let folder: string;
const odd = `odd 'na"me\\`;

beforeAll(async () => {
  [postgres, sshd] = await Promise.all([startPostgres({ password: "pass 'w\"ord\\" }), startSshHost()]);
  folder = fs.mkdtempSync(join(tmpdir(), "lifeboat-dump-"));
  await postgres.createDatabase(odd);
  await postgres.sql(
    `create table customers (id serial primary key, name text, photo bytea);
     insert into customers (name, photo) select 'name ' || i, decode(repeat(md5(i::text), 20), 'hex') from generate_series(1, 700) i;
     create table "we.ird ""table" (v int); insert into "we.ird ""table" values (1), (2);
     create table empty (v int);
     create schema other; create table other.orders (id int, day date) partition by range (day);
     create table other.orders_1 partition of other.orders for values from ('2020-01-01') to ('2021-01-01');
     create table other.orders_2 partition of other.orders for values from ('2021-01-01') to ('2022-01-01');
     insert into other.orders select i, date '2020-06-01' + i from generate_series(1, 365) i;
     create view seen as select * from customers; create materialized view kept as select count(*) from customers;
     create function f() returns int language sql as $$ select 1 $$;
     select lo_from_bytea(0, decode(repeat('ab', 20000), 'hex')); select lo_from_bytea(0, '');`,
    odd,
  );
}, 60_000);
afterAll(async () => {
  await postgres?.stop();
  await sshd?.stop();
  if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
});

type PostgresSource = Extract<CompiledSource, { type: "postgresql" }>;

function sourceOf(changes: Partial<PostgresSource> = {}): PostgresSource {
  return {
    type: "postgresql",
    name: "shop",
    database: odd,
    user: "postgres",
    password: undefined,
    server: postgres.address,
    port: postgres.port,
    recordRows: "all",
    guards: { minBytes: undefined, maxShrinkRatio: undefined, maxUnreadable: undefined },
    ...changes,
  };
}

async function readDump(dump: DumpSource) {
  const { stream, finished } = await dump.open({ signal });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return { bytes: Buffer.concat(chunks), facts: await finished };
}

async function* pieces(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

/** PATH of a folder in which one program is a script of the test. */
function pathWith(program: string, script: string): string {
  const bin = fs.mkdtempSync(join(folder, "bin-"));
  fs.writeFileSync(join(bin, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return `${bin}:${postgres.binFolder}:/usr/bin:/bin`;
}

const local = (path = `${postgres.binFolder}:/usr/bin:/bin`) => new LocalMachine({ env: { PATH: path } });
const machines: [string, () => Promise<Machine>][] = [
  ["the worker itself", async () => local()],
  ["a host over ssh", () => connectTo(sshd)],
];

describe.each(machines)("a PostgreSQL dump from %s", (label, make) => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await make();
  });
  afterAll(async () => machine?.close());
  const dumpOf = (changes?: Partial<PostgresSource>, password: string | undefined = postgres.password) =>
    createPostgresDump(machine, sourceOf(changes), { password, binFolder: postgres.binFolder });

  test("tells tables, rows and versions, and loads into a new database with the same rows", async () => {
    const { bytes, facts } = await readDump(dumpOf());
    const rows = { "other.orders": 365, "public.customers": 700, "public.empty": 0, 'public.we.ird "table': 2 };
    expect(facts).toMatchObject({ engine: "postgresql", rows, consistency: "application" });
    expect(facts.serverVersion).toMatch(new RegExp(`^${postgres.majorVersion}\\.`));
    expect(facts.programVersion).toMatch(/^\d+\.\d+/);
    expect([...facts.tables].sort()).toEqual(
      ["other.orders", "other.orders_1", "other.orders_2", "public.customers", "public.empty", 'public.we.ird "table'].sort(),
    );
    const server = { host: postgres.socketFolder, port: postgres.port, user: "postgres", binFolder: postgres.binFolder };
    const database = `copy ${label}`;
    await createPostgresDatabase(machine, { server, database, signal });
    await loadPostgresDump(machine, { server, database, dump: pieces(bytes), signal });
    expect(await postgres.sql("select count(*), sum(length(photo)) from customers", database)).toBe("700|224000");
    expect(await postgres.sql("select count(*) from other.orders", database)).toBe("365");
    expect(await postgres.sql("select sum(length(lo_get(oid))) from pg_largeobject_metadata", database)).toBe("20000");
    await expect(createPostgresDatabase(machine, { server, database, signal })).rejects.toMatchObject({
      code: "target-not-empty",
    });
    await createPostgresDatabase(machine, { server, database: `${database} cut`, signal });
    const cut = loadPostgresDump(machine, { server, database: `${database} cut`, dump: pieces(bytes.subarray(0, -1)), signal });
    await expect(cut).rejects.toMatchObject({ code: "target-failed" });
  });

  test("counts the rows of the dump's own moment, also while others write", async () => {
    await postgres.sql("create table if not exists busy as select 7 as v from generate_series(1, 1000)", odd);
    const { stream, finished } = await dumpOf({ recordRows: ["busy"] }).open({ signal });
    await postgres.sql("insert into busy select 8 from generate_series(1, 500)", odd);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(Buffer.from(chunk));
    const counted = Number(Object.values((await finished).rows)[0]);
    expect(Object.keys((await finished).rows)).toEqual(["public.busy"]);
    const bytes = Buffer.concat(chunks);
    expect(counted % 500).toBe(0);
    // Each row is a block of its own: its length, then the line of COPY.
    let dumped = 0;
    for (const value of ["7\n", "8\n"]) {
      const block = Buffer.concat([Buffer.from([0, 2, 0, 0, 0]), Buffer.from(value)]);
      for (let at = bytes.indexOf(block); at >= 0; at = bytes.indexOf(block, at + 1)) dumped++;
    }
    expect(dumped).toBe(counted);
    await postgres.sql("drop table busy", odd);
  });

  test("a wrong or missing password and an unknown user are refused logins, with the server's words", async () => {
    await expect(dumpOf({}, "wrong").open({ signal })).rejects.toMatchObject({
      code: "database-login-refused",
      message: expect.stringContaining("password authentication failed"),
    });
    const none = createPostgresDump(machine, sourceOf(), { binFolder: postgres.binFolder });
    await expect(none.open({ signal })).rejects.toMatchObject({ code: "database-login-refused" });
    await expect(dumpOf({ user: "nobody" }).open({ signal })).rejects.toMatchObject({ code: "database-login-refused" });
  });

  test("a missing database, a missing table and a server that is down fail with their cause", async () => {
    await expect(dumpOf({ database: "none" }).open({ signal })).rejects.toMatchObject({
      code: "dump-failed",
      message: expect.stringContaining('database "none" does not exist'),
      retry: "never",
    });
    await expect(dumpOf({ port: 1 }).open({ signal })).rejects.toMatchObject({ code: "dump-failed", retry: "later" });
    const { stream, finished } = await dumpOf({ recordRows: ["nothing_there"] }).open({ signal });
    for await (const _chunk of stream);
    await expect(finished).rejects.toMatchObject({ code: "dump-failed", message: expect.stringContaining("nothing_there") });
  });
});

describe("a dump that goes wrong on the way", () => {
  const real = () => `${postgres.binFolder}/pg_dump "$@"`;
  const run = async (script: string) => {
    const machine = local(pathWith("pg_dump", script));
    const { stream, finished } = await createPostgresDump(machine, sourceOf(), { password: postgres.password }).open({ signal });
    const reading = (async () => {
      for await (const _chunk of stream);
    })();
    return { reading, finished };
  };

  test("the same way without a fault passes", async () => {
    const { reading, finished } = await run(`exec ${real()}`);
    await reading;
    expect((await finished).rows["public.customers"]).toBe(700);
  });

  test.each([
    ["a status after the last byte", () => `${real()}; exit 3`, /status 3/],
    ["words and a status", () => "echo disk is on fire >&2; exit 1", /disk is on fire/],
    ["one byte less", () => `${real()} | head -c -1`, /not whole/],
    ["the first half", () => `${real()} | head -c 200000`, /not whole/],
    ["nothing at all", () => "exit 0", /not whole/],
    ["a kill in the middle", () => `${real()} | head -c 100000; kill -9 $$`, /was stopped/],
  ])("%s fails at the end and names the cause", async (_, script, words) => {
    const { reading, finished } = await run(script());
    await reading;
    await expect(finished).rejects.toMatchObject({ code: "dump-failed", message: expect.stringMatching(words) });
  });

  test.each([
    ["one byte more", () => `${real()}; printf x`],
    ["another program's text", () => "echo hello world, this is no archive"],
  ])("%s breaks the stream", async (_, script) => {
    const { reading, finished } = await run(script());
    await expect(reading).rejects.toMatchObject({ code: "dump-failed" });
    await expect(finished).rejects.toMatchObject({ code: "dump-failed" });
  });

  test("a reader that stops gets no verdict of success", async () => {
    const { stream, finished } = await createPostgresDump(local(), sourceOf(), { password: postgres.password }).open({ signal });
    for await (const _chunk of stream) break;
    await expect(finished).rejects.toMatchObject({ code: "dump-failed" });
  });

  test("a lost connection is named, in the stream and at the end", async () => {
    const host = await startSshHost();
    try {
      const machine = await connectTo(host);
      const bin = fs.mkdtempSync(join(folder, "bin-"));
      fs.symlinkSync(join(postgres.binFolder, "psql"), join(bin, "psql"));
      fs.writeFileSync(join(bin, "pg_dump"), `#!/bin/sh\n${real()} | head -c 50000; sleep 600\n`, { mode: 0o755 });
      const { stream, finished } = await createPostgresDump(machine, sourceOf(), {
        password: postgres.password,
        binFolder: bin,
      }).open({ signal });
      const reading = (async () => {
        for await (const _chunk of stream) await host.kill();
      })();
      await expect(reading).rejects.toMatchObject({ code: "connection-lost" });
      await expect(finished).rejects.toMatchObject({ code: "connection-lost" });
      await machine.close();
    } finally {
      await host.stop();
    }
  });
});

test("an archive that was cut anywhere, or goes on, is not whole", async () => {
  await postgres.createDatabase("small");
  await postgres.sql(
    "create table t (v text); insert into t values ('one'), ('two'); create table u (); select lo_from_bytea(0, 'abc')",
    "small",
  );
  const source = sourceOf({ database: "small", server: postgres.socketFolder });
  const { bytes } = await readDump(createPostgresDump(local(), source));
  const check = (archive: Buffer, step: number) => {
    const parser = new PostgresArchiveCheck();
    for (let at = 0; at < archive.length; at += step) parser.push(archive.subarray(at, at + step));
    return parser.finish();
  };
  for (const step of [1, 2, 7, 100, 1 << 20]) expect(check(bytes, step).tables).toEqual(["public.t", "public.u"]);
  for (let length = 0; length < bytes.length; length++)
    expect(() => check(bytes.subarray(0, length), 1 << 20), `${length} bytes`).toThrow();
  for (const extra of [0, 1, 255])
    expect(() => check(Buffer.concat([bytes, Buffer.from([extra])]), 1 << 20)).toThrow(/after its end/);
  await postgres.createDatabase("nothing");
  const empty = await readDump(createPostgresDump(local(), { ...source, database: "nothing" }));
  expect(empty.facts).toMatchObject({ tables: [], rows: {} });
}, 60_000);
