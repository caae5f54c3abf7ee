import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { cheapenKey } from "../../../../test/fixtures/cheapen-key.ts";
import { type PostgresServer, type SshHost, startPostgres, startSshHost } from "../../../../test/services/index.ts";
import { createPlace, jsonLines, type Place } from "../test-command-line.ts";

// Each step is a process of its own; on a busy machine a dozen of them take their time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: Place;
let host: SshHost;
let postgres: PostgresServer;

beforeAll(async () => {
  place = createPlace();
  [host, postgres] = await Promise.all([startSshHost(), startPostgres()]);
  await postgres.createDatabase("shop");
  await postgres.sql(
    "create table orders (id int primary key, note text); insert into orders select i, 'order ' || i from generate_series(1, 500) i",
    "shop",
  );
  execFileSync("sqlite3", [join(host.folder, "app.db"), "create table t (x); insert into t values (1), (2), (3)"]);
  place.write("password", "correct horse\n");
  place.write("database-password", `${postgres.password}\n`);
  place.write(
    "lifeboat.yaml",
    `version: 1
control: { state: "${place.at("state")}" }
repositories: { main: { url: "${place.at("main")}", password: { file: "${place.at("password")}" } } }
hosts:
  db1: { address: 127.0.0.1, port: ${host.port}, user: ${host.user}, identity: "${host.identityFile}", known_hosts: "${host.knownHostsFile}" }
policies:
  databases:
    hosts: [db1]
    repository: main
    schedule: { every: 1d }
    sources:
      - { name: shop, type: postgresql, database: shop, user: postgres, server: 127.0.0.1, port: ${postgres.port}, password: { file: "${place.at("database-password")}" } }
      - { name: app, type: sqlite, path: "${join(host.folder, "app.db")}" }
`,
  );
  expect((await place.run(["repo", "init"])).code).toBe(0);
  await cheapenKey(place.at("main"), "correct horse");
  const backup = await place.run(["backup", "run", "databases", "--here"]);
  expect(backup.code, backup.err).toBe(0);
});
afterAll(async () => {
  await postgres?.stop();
  await host?.stop();
  place?.remove();
});

test("a dump comes back into a new PostgreSQL database on its host, and never into one that exists", async () => {
  const { code, out, err } = await place.run(["restore", "db1/shop@latest", "--to-postgres", "db1/shop_restored", "--json"]);
  expect(code, err).toBe(0);
  expect(jsonLines(out).at(-1)).toMatchObject({ message_type: "summary", result: "passed" });
  expect((await postgres.sql("select count(*), max(note) from orders", "shop_restored")).trim()).toBe("500|order 99");
  const again = await place.run(["restore", "db1/shop@latest", "--to-postgres", "db1/shop_restored"]);
  expect([again.code, again.err]).toEqual([expect.any(Number), expect.stringContaining("already exists")]);
  expect(again.code).not.toBe(0);
});

test("a dump comes back into a new SQLite file on this machine, and never over one that exists", async () => {
  const file = place.at("restored.db");
  const { code, err } = await place.run(["restore", "db1/app@latest", "--to-sqlite", file]);
  expect(code, err).toBe(0);
  expect(execFileSync("sqlite3", [file, "select sum(x) from t"], { encoding: "utf8" }).trim()).toBe("6");
  const again = await place.run(["restore", "db1/app@latest", "--to-sqlite", file]);
  expect([again.code, again.err]).toEqual([9, expect.stringContaining("target-not-empty")]);
});

test("cat streams the dump itself, and a dry run makes no database", async () => {
  const dump = await place.run(["cat", "db1/app@latest"]);
  expect(dump.out.trimEnd().split("\n").at(-1)).toBe("COMMIT;");
  const dry = await place.run(["restore", "db1/app@latest", "--to-sqlite", place.at("dry.db"), "--dry-run"]);
  expect([dry.code, existsSync(place.at("dry.db"))]).toEqual([0, false]);
});
