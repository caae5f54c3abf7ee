import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { runCommand } from "../../../test/services/index.ts";
import type { DrillReport } from "./report/drill-report.ts";
import { renderDrillReportText } from "./report/render-text.ts";
import { flipByteOf, readDrill, runShopDrill, shopFacts, startTestShop, type TestShop } from "./test-shop/test-shop.ts";

// A machine under load is slow, not wrong.
vi.setConfig({ testTimeout: 300_000 });

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop();
});
afterAll(() => shop.stop());

/** Nothing of a drill outlives it: no folder, no journal, no database, no program. */
afterEach(async () => {
  expect(await readdir(shop.scratch)).toEqual([]);
  expect(await readdir(shop.journals).catch(() => [])).toEqual([]);
  const databases = await shop.server.sql("select datname from pg_database where datname ~ 'drill|control'");
  expect(databases).toBe("");
});

/** The shop on a given server, with the checks put in. */
function shopDrill(checks: string, more = "") {
  return readDrill(`
drills:
  shop-weekly:
    owner: dba@acme.example
    objectives: { rto: 2h, rpo: 1h }
    deadline: 10m
    targets:
      pg: { type: postgresql, server: { address: 127.0.0.1, port: ${shop.server.port}, user: postgres, password: { env: PG } }, database: "drill_{run}" }
      dir: { type: directory, path: "${shop.scratch}/files-{run}", min_free: 1MiB }
    steps:
      - { id: db, restore: { asset: db1/shop, to: pg }, timeout: 5m }
      - { id: uploads, restore: { asset: web1/uploads, to: dir } }
${more}
    checks:
${checks}
`);
}

const proofs = `
      - { id: orders, after: db, type: row_count, table: orders }
      - { id: hashes, after: uploads, type: file_hash }`;

function causesOf(report: DrillReport): string[] {
  return report.causes.map((cause) => `${cause.kind} ${cause.where}: ${cause.reason}`);
}

describe("a healthy recovery", () => {
  it("passes, with every check proved by its negative control", async () => {
    const drill = shopDrill(`${proofs}
      - { id: total, after: db, type: sql, query: "select sum(total) from orders", min: 700, max: 800 }
      - { id: no-orphan, after: db, type: sql, query: "select count(*) from items i left join orders o on o.id = i.order_id where o.id is null", expect: 0 }
      - { id: fresh, after: db, type: freshness, query: "select at from newest", max_age: 1h }
      - { id: empty, after: db, type: row_count, table: empty_table }`);
    const { report, events, evidence } = await runShopDrill(shop, drill);
    expect(causesOf(report)).toEqual([]);
    expect(report.outcome).toBe("passed");
    expect(report.checks.map((check) => `${check.id} ${check.control.verdict}`)).toEqual(
      ["orders", "hashes", "total", "no-orphan", "fresh", "empty"].map((id) => `${id} proved`),
    );
    const damageOf = (id: string) => report.checks.find((check) => check.id === id)?.control.damages.at(-1)?.damage;
    expect(damageOf("orders")).toBe("one row of orders deleted");
    expect(damageOf("hashes")).toMatch(/^one byte of .* flipped$/);
    expect(damageOf("no-orphan")).toMatch(/public\.(items|orders)/);
    expect(damageOf("fresh")).toBe("every time in public.orders moved back");
    expect(report.assets.map((asset) => asset.proved_by.length > 0)).toEqual([true, true]);
    const { rta_s, rta_parts, rpa_s, measured_rpa_s } = report.achieved;
    expect(rta_s).toBeGreaterThan(0);
    expect(Object.values(rta_parts).reduce((sum, part) => sum + part)).toBeCloseTo(rta_s ?? 0, 6);
    expect(rpa_s).toBeGreaterThan(0);
    expect(measured_rpa_s).toBeGreaterThanOrEqual(600);
    expect(report.teardown.every((thing) => thing.state === "removed")).toBe(true);
    expect(report.leftovers).toEqual([]);
    expect(events.filter((event) => event.phase === "control" && event.state === "passed")).toHaveLength(6);
    expect(evidence).toHaveLength(1);
    expect(JSON.parse(evidence[0] ?? "")).toEqual(report);
    expect(evidence[0]).not.toContain(shop.password);
    expect(evidence[0]).not.toContain(encodeURIComponent(shop.password));
  });

  it("passes on a throwaway server and with SQLite", async () => {
    const drill = readDrill(`
drills:
  bare:
    targets:
      pg: { type: postgresql }
      lite: { type: sqlite, path: "${shop.scratch}/ledger-{run}.db" }
    steps:
      - { id: db, restore: { asset: db1/shop, to: pg } }
      - { id: ledger, restore: { asset: db1/ledger, to: lite } }
    checks:
      - { id: orders, after: db, type: row_count, table: public.orders }
      - { id: entries, after: ledger, type: row_count, table: entries }
      - { id: sum, after: ledger, type: sql, query: "select sum(amount) from entries", expect: 12 }
      - { id: none-negative, after: ledger, type: sql, query: "select count(*) from entries where amount < 0", expect: 0 }
      - { id: fresh, after: ledger, type: freshness, query: "select max(at) from entries", max_age: 1h }
`);
    const { report } = await runShopDrill(shop, drill);
    expect(causesOf(report)).toEqual([]);
    expect(report.checks.map((check) => check.control.verdict)).toEqual(Array(5).fill("proved"));
    expect(report.teardown.some((thing) => thing.what.startsWith("PostgreSQL server"))).toBe(true);
  });
});

describe("a recovery that is not right", () => {
  it("fails when a table is missing from the dump", async () => {
    const dump = join(shop.folder, "no-items.pgdump");
    const { server } = shop;
    const args = ["-h", server.socketFolder, "-p", `${server.port}`, "-U", "postgres", "-Fc", "-T", "items", "-f", dump, "shop"];
    await runCommand(join(server.binFolder, "pg_dump"), args);
    const drill = shopDrill(`${proofs}\n      - { id: items, after: db, type: row_count, table: items }`);
    const { report } = await runShopDrill(shop, drill, { shopDump: dump });
    expect(report.outcome).toBe("failed");
    expect(causesOf(report)[0]).toMatch(/^failed check items: .*relation "items" does not exist/);
    expect(report.achieved.rta_s).toBeNull();
    expect(report.verdict).toContain('relation "items" does not exist');
  });

  it("fails when one byte of a restored file is another", async () => {
    const afterFiles = (folder: string) => flipByteOf(join(folder, "srv/uploads/img-7.jpg"));
    const { report } = await runShopDrill(shop, shopDrill(proofs), { afterFiles });
    expect(report.outcome).toBe("failed");
    expect(causesOf(report)).toEqual([
      "failed check hashes: /srv/uploads/img-7.jpg is not what the snapshot holds",
      ...unproven("web1/uploads"),
    ]);
  });

  it("fails when the snapshot is older than the objective, though all of it came back", async () => {
    const { report } = await runShopDrill(shop, shopDrill(proofs), { ageMs: 3 * 3600_000 });
    expect(report.outcome).toBe("failed");
    expect(causesOf(report).filter((cause) => cause.startsWith("failed"))).toEqual([
      "failed objective rpo: snapshot 5be0d7c4 of db1/shop is 3h old, objective 1h",
      "failed objective rpo: snapshot 5be0d7c4 of web1/uploads is 3h old, objective 1h",
    ]);
    expect(report.achieved.rta_s).not.toBeNull();
  });

  it("fails when the newest data is too old, measured from the moment of the declaration", async () => {
    const drill = shopDrill(
      `${proofs}\n      - { id: fresh, after: db, type: freshness, query: "select max(created_at) from orders", max_age: 5m }`,
    );
    const { report } = await runShopDrill(shop, drill, { declaredAtMs: shop.frozenAtMs });
    expect(causesOf(report)[0]).toMatch(/^failed check fresh: the newest data is 1\dm.* old, wanted <= 5m$/);
    const early = await runShopDrill(shop, drill, { declaredAtMs: shop.frozenAtMs - 7 * 60_000 });
    expect(early.report.checks.find((check) => check.id === "fresh")?.verdict).toBe("passed");
  });

  it("fails when the time to recover is over the objective", async () => {
    const { report } = await runShopDrill(shop, shopDrill(proofs), { declaredAtMs: Date.now() - 3 * 3600_000 });
    expect(causesOf(report)).toContainEqual(expect.stringMatching(/^failed objective rto: recovered in 3h.*, objective 2h$/));
    expect(report.achieved.rta_parts.queue).toBeGreaterThanOrEqual(3 * 3600);
  });

  it("fails when a dump cannot be loaded, and says what was not run", async () => {
    const { report } = await runShopDrill(shop, shopDrill(proofs), { shopDump: join(shop.folder, "ledger.sql") });
    expect(report.outcome).toBe("failed");
    expect(report.steps[0]).toMatchObject({ id: "db", verdict: "failed", detail: expect.stringContaining("pg_restore") });
    expect(report.checks[0]).toMatchObject({ id: "orders", verdict: "skipped", detail: "not run: it needs db" });
    expect(report.not_covered).toContain("check orders: not run: it needs db");
    // What was chosen is not what was recovered.
    expect(report.achieved.rpa_s).toBeNull();
    expect(renderDrillReportText(report)).toMatch(
      /Recovery point {2}not reached \(objective 1h\)[\s\S]*db1\/shop@.*: NOT RESTORED/,
    );
  });
});

function unproven(...assets: string[]): string[] {
  return assets.map(
    (asset) => `inconclusive asset ${asset}: no check that passed here is known to say no when the data of ${asset} is damaged`,
  );
}

describe("a check that cannot say no", () => {
  const fakes: [string, string, RegExp][] = [
    ["true", '{ id: fake, after: db, type: command, run: ["true"] }', /proves nothing: the command is given no target/],
    [
      "sh -c 'exit 0'",
      "{ id: fake, after: db, type: command, run: [sh, -c, exit 0] }",
      /proves nothing: the command is given no target/,
    ],
    ["select 0", '{ id: fake, after: db, type: sql, query: "select 0", expect: 0 }', /proves nothing: the query reads no table/],
    ["a sample of no files", "{ id: fake, after: uploads, type: file_hash, sample: 0% }", /the sample holds no file/],
  ];
  for (const [name, check, reason] of fakes) {
    it(`turns the drill inconclusive: ${name}`, async () => {
      const { report } = await runShopDrill(shop, shopDrill(`${proofs}\n      - ${check}`));
      expect(report.outcome).toBe("inconclusive");
      expect(causesOf(report)).toEqual([expect.stringMatching(reason)]);
      expect(causesOf(report)[0]).toMatch(/^inconclusive check fake: /);
      expect(report.verdict).toContain("nothing is proven");
    });
  }

  it("is seen through also where it is given the data", async () => {
    const drill = shopDrill(`${proofs}
      - { id: given, after: db, type: command, run: ["true", "{pg.url_file}", "{dir.path}"] }
      - { id: times-0, after: db, type: sql, query: "select 0 * count(*) from orders", expect: 0 }
      - { id: now, after: db, type: freshness, query: "select now()", max_age: 1h }
      - { id: now-from, after: db, type: freshness, query: "select now() from orders limit 1", max_age: 1h }
      - { id: breaks, after: db, type: sql, query: "select 1 / (case when count(*) = 12 and min(id) = 1 then 1 else 0 end) from orders", expect: 1 }`);
    const { report } = await runShopDrill(shop, drill);
    expect(causesOf(report)).toEqual([
      expect.stringMatching(/^inconclusive check given: proves nothing: the check still passes on damaged data/),
      expect.stringMatching(/^inconclusive check times-0: proves nothing: the check still passes on damaged data/),
      expect.stringMatching(/^inconclusive check now: proves nothing: the query reads no table/),
      expect.stringMatching(/^inconclusive check now-from: proves nothing: .* \(every time in public.orders moved back\)/),
      // An error is no no.
      expect.stringMatching(/^inconclusive check breaks: could not be tried .*division by zero/),
    ]);
  });

  it("does not prove the asset when its control is switched off", async () => {
    const checks = `
      - { id: orders, after: db, type: row_count, table: orders, control: none }
      - { id: hashes, after: uploads, type: file_hash }`;
    const { report } = await runShopDrill(shop, shopDrill(checks));
    expect(report.outcome).toBe("inconclusive");
    expect(causesOf(report)).toEqual(unproven("db1/shop"));
  });

  it("is only a warning where the check is one", async () => {
    const fake = '      - { id: fake, after: db, type: command, run: ["true"], severity: warn }';
    const { report } = await runShopDrill(shop, shopDrill(`${proofs}\n${fake}`));
    expect(report.outcome).toBe("passed");
    expect(report.warnings).toBe(1);
  });

  it("has no answer where nothing was recorded to compare with", async () => {
    const { report } = await runShopDrill(shop, shopDrill(proofs), { facts: { ...shopFacts, rows: {} } });
    expect(report.outcome).toBe("inconclusive");
    expect(causesOf(report)[0]).toMatch(/no number of rows of "orders" was recorded/);
  });
});

describe("a control by the owner", () => {
  it("proves a check by a dropped table or by a program that damages the copy", async () => {
    const drill = shopDrill(`
      - { id: orders, after: db, type: sql, query: "select count(*) from orders", expect: 12, control: { drop_table: orders } }
      - { id: hashes, after: uploads, type: file_hash, control: { run: [sh, -c, "find \\"$1\\" -type f -delete", sh, "{dir.path}"] } }`);
    const { report } = await runShopDrill(shop, drill);
    expect(causesOf(report)).toEqual([]);
    expect(report.checks.map((check) => check.control.kind)).toEqual(["drop_table", "run"]);
  });

  it("has no answer when the program that should damage fails", async () => {
    const drill = shopDrill(`
      - { id: orders, after: db, type: row_count, table: orders }
      - { id: hashes, after: uploads, type: file_hash, control: { run: [sh, -c, "echo no way >&2; exit 4", sh, "{dir.path}"] } }`);
    const { report } = await runShopDrill(shop, drill);
    expect(report.outcome).toBe("inconclusive");
    expect(causesOf(report)[0]).toMatch(/check hashes: could not be tried .* no way/);
  });
});
