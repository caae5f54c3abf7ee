import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openChosenRepository, runBackup } from "@lifeboat/jobs";
import { formatRunId, isLifeboatError, type RunRecord } from "@lifeboat/model";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  createTempFolder,
  type PostgresServer,
  type SshHost,
  startPostgres,
  startSshHost,
  type TempFolder,
} from "../services/index.ts";
import { openFaultContext } from "./open-fault-context.ts";
import { initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

let temp: TempFolder;
let postgres: PostgresServer;
let ssh: SshHost;
let configFile: string;
let slot = Date.UTC(2026, 10, 22, 2);
const place = (name: string) => join(temp.path, name);

/** From now on the host finds this script before the program of that name; `$real` is the program. */
async function replaceOnHost(program: string, script: string): Promise<void> {
  const real = program === "sqlite3" ? "/usr/bin/sqlite3" : join(postgres.binFolder, program);
  await writeFile(place(`bin/${program}`), `#!/bin/sh\nreal=${real}\n${script}\n`, { mode: 0o755 });
}

const savePassword = (password: string) => writeFile(place("database-password"), `${password}\n`, { mode: 0o600 });

beforeAll(async () => {
  temp = await createTempFolder("dumps");
  postgres = await startPostgres();
  await postgres.createDatabase("shop");
  await postgres.sql(
    "create table orders as select i as id, md5(i::text) as what from generate_series(1, 20000) i; create view v as select 1",
    "shop",
  );
  const db = new DatabaseSync(place("app.db"));
  db.exec("create table notes (id integer primary key, what text)");
  const insert = db.prepare("insert into notes (what) values (?)");
  for (let id = 0; id < 2000; id++) insert.run(`note ${id}`);
  db.close();
  // What sshd sets stands before all that the account's shell sets: the host's own PATH, as far as the pull can see.
  ssh = await startSshHost({ sshdLines: [`SetEnv PATH=${place("bin")}:${postgres.binFolder}:/usr/bin:/bin`] });
  const server = `server: ${postgres.address}, port: ${postgres.port}, user: ${postgres.user}`;
  const policies = `  databases:
    hosts: [web1]
    repository: main
    schedule: { every: 1h }
    sources:
      - { name: shop, type: postgresql, database: shop, ${server}, password: { file: database-password }, record: { rows: all } }
      - { name: app, type: sqlite, path: ${JSON.stringify(place("app.db"))}, record: { rows: all } }
`;
  const repository = { url: place("repo"), password: "of the repository" };
  await savePassword(postgres.password);
  configFile = await writeFaultConfig({ folder: temp.path, repository, ssh, policies });
  await initFaultRepository(repository);
  await resetHost();
  // The last good snapshots, which must stay the last ones.
  for (const asset of ["web1/shop", "web1/app"]) {
    const { record } = await backUp(asset);
    expect(record).toMatchObject({ result: "passed", cause: null });
  }
}, 120_000);

afterAll(async () => {
  await ssh?.stop();
  await postgres?.stop();
  await temp?.remove();
});

async function resetHost(): Promise<void> {
  await rm(place("bin"), { recursive: true, force: true });
  await mkdir(place("bin"));
  await savePassword(postgres.password);
}
beforeEach(resetHost);

async function backUp(asset: string) {
  slot += 3_600_000;
  const runId = formatRunId({ kind: "backup", object: asset, slot });
  return runBackup(openFaultContext(configFile), {
    runId,
    asset,
    attempt: 1,
    policy: "databases",
    timezone: "Europe/Berlin",
    threads: 1,
  });
}

async function look(): Promise<{ snapshots: string[]; facts: number; locks: number; records: RunRecord[] }> {
  const repository = await openChosenRepository(openFaultContext(configFile), { name: "main" });
  try {
    const records: RunRecord[] = [];
    for (const id of await repository.listSide("run")) records.push((await repository.loadSide("run", id)) as RunRecord);
    let locks = 0;
    for await (const _ of repository.store.list("locks/")) locks++;
    const snapshots = (await repository.listSnapshots()).map(({ id }) => id);
    return { snapshots, facts: (await repository.listSide("facts")).length, locks, records };
  } finally {
    await repository.close();
  }
}

/** The run failed for this reason, the repository has no snapshot more than before, and the reason is kept beside the snapshots. */
async function expectFailed(asset: string, code: string, cause: RegExp): Promise<void> {
  const before = await look();
  const { record, error, snapshot } = await backUp(asset);
  expect(record).toMatchObject({ result: "failed", code, snapshot: null, cause: expect.stringMatching(cause) });
  expect(isLifeboatError(error, code as "dump-failed")).toBe(true);
  expect(snapshot).toBeUndefined();
  const after = await look();
  expect(after.snapshots).toEqual(before.snapshots);
  expect([after.facts, after.locks]).toEqual([before.facts, 0]);
  expect(after.records.find(({ id }) => id === record.id)).toEqual(record);
}

test.each([
  ["fails after its last byte", "pg_dump", "web1/shop", '"$real" "$@"; exit 1', /^pg_dump .*shop.* status 1/],
  [
    "fails after its last byte, and says why",
    "pg_dump",
    "web1/shop",
    '"$real" "$@"; echo disk on fire >&2; exit 3',
    /status 3.*disk on fire/,
  ],
  ["lacks its last byte", "pg_dump", "web1/shop", '"$real" "$@" | head -c -1', /dump of shop .*is not whole/],
  ["is cut in its middle", "pg_dump", "web1/shop", '"$real" "$@" | head -c 300000', /dump of shop .*is not whole/],
  ["is empty", "pg_dump", "web1/shop", "exit 0", /dump of shop .*is not whole/],
  ["is killed", "pg_dump", "web1/shop", '"$real" "$@"; kill -9 $$', /pg_dump .*shop/],
  ["fails after its last byte", "sqlite3", "web1/app", '"$real" "$@"; exit 1', /^sqlite3 .*app\.db.* status 1/],
  ["lacks its end marker", "sqlite3", "web1/app", '"$real" "$@" | sed -u "/^COMMIT;$/d"', /app\.db .*has no end.*COMMIT/],
  [
    "ends with ROLLBACK",
    "sqlite3",
    "web1/app",
    '"$real" "$@" | sed -u "s/^COMMIT;$/ROLLBACK; -- due to errors/"',
    /app\.db .*has no end/,
  ],
])("a dump that %s (%s) makes no snapshot", async (_what, program, asset, script, cause) => {
  await replaceOnHost(program, script);
  await expectFailed(asset, "dump-failed", cause);
});

test("a wrong database password makes no snapshot, and is named without being shown", async () => {
  await savePassword("battery staple");
  await expectFailed("web1/shop", "database-login-refused", /shop.*password authentication failed for user "postgres"/s);
  const { records } = await look();
  expect(JSON.stringify(records)).not.toContain("battery staple");
});

test("a dump program that is not there makes no snapshot", async () => {
  await replaceOnHost("sqlite3", "exit 127");
  await expectFailed("web1/app", "command-missing", /sqlite3 is not there/);
});

test("the same dumps, whole again, make snapshots", async () => {
  const before = await look();
  for (const asset of ["web1/shop", "web1/app"]) {
    const { record } = await backUp(asset);
    expect(record).toMatchObject({ result: "passed", cause: null });
  }
  expect((await look()).snapshots).toHaveLength(before.snapshots.length + 2);
});
