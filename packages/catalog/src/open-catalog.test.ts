import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "@lifeboat/model";
import { afterAll, describe, expect, test } from "vitest";
import type { Catalog } from "./catalog.ts";
import { describeWrongClock } from "./catalog-clock-contract.ts";
import { describeCatalog } from "./catalog-contract.ts";
import { openCatalog } from "./open-catalog.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-catalog-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const freshPath = () => join(folder, `history-${++count}.sqlite`);
const clock: Clock = { now: () => Date.now(), sleep: () => Promise.reject(new Error("nothing sleeps here")) };

describeCatalog("SQLite", (clock) => openCatalog(freshPath(), { clock }));
describeWrongClock("SQLite", (clock) => openCatalog(freshPath(), { clock }));

describe("the history file", () => {
  test("is its owner's alone, and is still there when opened again", async () => {
    const path = freshPath();
    const first = await openCatalog(path, { clock });
    await first.recordPending({
      id: "prune/main@20261122T010000Z",
      kind: "prune",
      object: "main",
      policy: null,
      slot: "2026-11-22T01:00:00Z",
    });
    await first.close();
    const second = await openCatalog(path, { clock });
    expect((await second.openRuns()).map(({ id }) => id)).toEqual(["prune/main@20261122T010000Z"]);
    await second.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("opened several times in one process lets all of them write at once, and is new after it was deleted", async () => {
    const path = freshPath();
    const catalogs = await Promise.all([1, 2, 3].map(() => openCatalog(path, { clock })));
    const record = (catalog: Catalog, id: string) =>
      catalog.recordPending({ id, kind: "backup", object: "web1/etc", policy: null, slot: "2026-11-22T01:00:00Z" });
    const ids = Array.from({ length: 30 }, (_, number) => `backup/web1/etc@${number}`);
    const fresh = await Promise.all(catalogs.flatMap((catalog) => ids.map((id) => record(catalog, id))));
    expect(fresh.filter(Boolean)).toHaveLength(30);
    await catalogs[0]!.close();
    await catalogs[0]!.close();
    expect(await catalogs[1]!.openRuns()).toHaveLength(30);
    rmSync(path);
    const anew = await openCatalog(path, { clock });
    expect(await anew.openRuns()).toEqual([]);
    await Promise.all([...catalogs.slice(1), anew].map((catalog) => catalog.close()));
  });

  test("of the version before gets what is new, and keeps its runs", async () => {
    const path = freshPath();
    const run = { kind: "backup", object: "web1/etc", policy: null, slot: "2026-11-22T01:00:00Z" } as const;
    const before = await openCatalog(path, { clock });
    await before.recordPending({ ...run, id: "backup/web1/etc@20261122T010000Z" });
    await before.close();
    const raw = new DatabaseSync(path);
    raw.exec("alter table runs drop column lost; alter table runs drop column host");
    raw.exec("delete from migrations where name = '0002-what-a-run-met'");
    raw.close();
    const after = await openCatalog(path, { clock });
    expect((await after.openRuns()).map(({ id, record }) => [id, record])).toEqual([["backup/web1/etc@20261122T010000Z", null]]);
    await after.recordPending({ ...run, id: "backup/web1/etc@20261123T010000Z" });
    expect(await after.openRuns()).toHaveLength(2);
    await after.close();
  });

  test("that is damaged, cannot be made or is of a newer version is an error that names it", async () => {
    const damaged = freshPath();
    writeFileSync(damaged, "this is no database, it is a text of some length".repeat(200));
    await expect(openCatalog(damaged, { clock })).rejects.toMatchObject({
      code: "catalog-failed",
      message: expect.stringContaining(damaged),
    });
    await expect(openCatalog(join(folder, "none/x.sqlite"), { clock })).rejects.toMatchObject({ code: "catalog-failed" });
    const newer = freshPath();
    await (await openCatalog(newer, { clock })).close();
    const raw = new DatabaseSync(newer);
    raw.exec("insert into migrations values ('0999-from-the-future', 0)");
    raw.close();
    await expect(openCatalog(newer, { clock })).rejects.toThrow("written by a newer Lifeboat (it has 0999-from-the-future)");
  });

  test("opened and claimed by four processes at once gives each run to one of them", async () => {
    const path = freshPath();
    const runs = Array.from({ length: 60 }, (_, number) => `backup/web1/s${number}@20261122T010000Z`);
    const program = `
      import { openCatalog } from ${JSON.stringify(new URL("./open-catalog.ts", import.meta.url).pathname)};
      const catalog = await openCatalog(${JSON.stringify(path)}, { clock: { now: () => Date.now() } });
      const won = [];
      for (const id of ${JSON.stringify(runs)}) {
        const object = id.slice(7, id.indexOf("@"));
        const fresh = await catalog.recordPending({ id, kind: "backup", object, policy: null, slot: "2026-11-22T01:00:00Z" });
        const claim = await catalog.claimRun(id, String(process.pid), { staleAfterMs: 60000 });
        won.push([id, fresh, claim.claimed]);
      }
      await catalog.close();
      console.log(JSON.stringify(won));`;
    const outputs = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        let text = "";
        child.stdout.on("data", (bytes) => (text += bytes));
        expect(await once(child, "close")).toEqual([0, null]);
        return JSON.parse(text) as [string, boolean, boolean][];
      }),
    );
    const all = outputs.flat();
    expect(
      all
        .filter(([, fresh]) => fresh)
        .map(([id]) => id)
        .sort(),
    ).toEqual([...runs].sort());
    expect(
      all
        .filter(([, , claimed]) => claimed)
        .map(([id]) => id)
        .sort(),
    ).toEqual([...runs].sort());
  });
});
