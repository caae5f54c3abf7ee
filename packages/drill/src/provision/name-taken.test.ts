import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { makeRunToken } from "../plan/substitute.ts";
import { readDrill, runShopDrill, startTestShop, type TestShop } from "../test-shop/test-shop.ts";

// A machine under load is slow, not wrong.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop();
});
afterAll(() => shop.stop());

/** The drill's random part is known beforehand, so that somebody can have its name already. */
async function runBeside(name: (token: string) => string) {
  const drill = readDrill(`
drills:
  db:
    targets:
      pg: { type: postgresql, server: { address: 127.0.0.1, port: ${shop.server.port}, user: postgres, password: { env: PG } }, database: "drill_{run}" }
    steps:
      - { id: db, restore: { asset: db1/shop, to: pg } }
    checks:
      - { id: orders, after: db, type: row_count, table: orders }
`);
  const declaredAtMs = Date.now();
  const token = makeRunToken(drill.name, declaredAtMs, () => 0.5);
  const taken = name(token);
  await shop.server.createDatabase(taken);
  await shop.server.sql("create table precious (id int)", taken);
  const { report } = await runShopDrill(shop, drill, { declaredAtMs, ports: { random: () => 0.5 } });
  expect(await shop.server.sql("select count(*) from precious", taken)).toBe("0");
  const left = (await shop.server.sql("select datname from pg_database order by 1")).trim().split("\n");
  expect(left.sort()).toEqual([taken, "postgres", "shop", "template0", "template1"].sort());
  await shop.server.sql(`drop database "${taken}"`);
  expect([report.leftovers, await readdir(shop.journals)]).toEqual([[], []]);
  return report;
}

describe("a database that was there before the drill", () => {
  it("of a target's name stops the drill and outlives its teardown", async () => {
    const report = await runBeside((token) => `drill_${token}`);
    expect(report.outcome).toBe("inconclusive");
    expect(report.causes[0]?.reason).toMatch(/42P04.*already exists/);
  });

  it("of a control's name stops the control and outlives its teardown", async () => {
    const report = await runBeside((token) => `lifeboat_control_${token.slice(-23)}_1`);
    expect(report.outcome).toBe("inconclusive");
    expect(JSON.stringify(report.checks)).toMatch(/42P04.*already exists/);
  });
});
