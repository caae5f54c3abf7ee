import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assessProtection, type Clock } from "@lifeboat/model";
import { parseConfig } from "@lifeboat/model/config";
import { afterAll, expect, test } from "vitest";
import { recordFor } from "../catalog-contract.ts";
import { openCatalog } from "../open-catalog.ts";
import { collectProtection } from "./collect-protection.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-catalog-protection-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const nowMs = Date.UTC(2026, 10, 22, 2);
const clock: Clock = { now: () => nowMs, sleep: () => Promise.reject(new Error("nothing sleeps here")) };

async function openTestCatalog(name: string) {
  const text = `version: 1
repositories: { main: { url: /srv/main, password: { env: MAIN } } }
hosts: { web1: { address: web1 } }
policies:
  web:
    hosts: [web1]
    repository: main
    schedule: { every: 1h }
    objectives: { rpo: 2h }
    sources: [{ name: etc, type: files, paths: [/etc] }]
`;
  const { config } = parseConfig([{ path: "lifeboat.yaml", text }], { nowMs });
  if (config === undefined) throw new Error("the test's configuration has errors");
  const catalog = await openCatalog(join(folder, name), { clock });
  const at = (hour: number) => new Date(nowMs - hour * 3_600_000).toISOString();
  const settle = (kind: "backup" | "check", object: string, hoursAgo: number, change: object) =>
    catalog.recordSettled(
      recordFor({ id: `${kind}/${object}@${hoursAgo}`, kind, object, policy: null, slot: at(hoursAgo) }, 1, {
        started: at(hoursAgo),
        ended: at(hoursAgo),
        ...change,
      }),
    );
  await catalog.beat({ program: "scheduler", instance: "one" });
  await settle("backup", "web1/etc", 1, { result: "passed" });
  const snapshot = { repository: "main", id: "ab", original: "ab", asset: "web1/etc", run: "backup/web1/etc@1", time: at(1) };
  await catalog.recordSnapshots([{ ...snapshot, bytes: 1, files: 1 }]);
  const verdict = async () => assessProtection(await collectProtection(catalog, config, nowMs)).assets[0];
  return { catalog, settle, verdict };
}

test("damage that a check found is not forgotten because later checks could not look", async () => {
  const { catalog, settle, verdict } = await openTestCatalog("could-not-look.sqlite");
  await settle("check", "main", 9, { result: "passed" });
  expect(await verdict()).toMatchObject({ state: "ok", rpo: { verdict: "met", ageSeconds: 3600 } });
  await settle("check", "main", 8, { result: "failed", code: "repository-damaged", cause: "pack 12 is missing" });
  await settle("check", "main", 7, { result: "failed", code: "store-refused", cause: "access denied" });
  expect(await verdict()).toMatchObject({ level: "bad", state: "DAMAGED", why: expect.stringContaining("pack 12 is missing") });
  await settle("check", "main", 6, { result: "passed" });
  expect(await verdict()).toMatchObject({ state: "ok" });
  await catalog.close();
});

test("damage of data stands behind any number of checks that read less or could not look, until one has read all", async () => {
  const { catalog, settle, verdict } = await openTestCatalog("read-less.sqlite");
  const figures = (read: number, errors = 0) => ({ figures: { packs: 3, packs_read: read, data_errors: errors } });
  await settle("check", "main", 900, { result: "failed", code: "repository-damaged", cause: "pack 12", ...figures(3, 1) });
  for (let hour = 800; hour > 400; hour--) {
    if (hour % 2 === 0) await settle("check", "main", hour, { result: "failed", code: "store-refused", cause: "access denied" });
    else await settle("check", "main", hour, { result: "passed", ...figures(0) });
  }
  expect(await verdict()).toMatchObject({ state: "DAMAGED", next: "lifeboat repo check --repo main --read-data" });
  await settle("check", "main", 850, { result: "passed", ...figures(3) });
  expect(await verdict()).toMatchObject({ state: "ok" });
  await catalog.close();
});

test("runs that ended under a wrong clock hide none that came after it", async () => {
  const { catalog, settle, verdict } = await openTestCatalog("wrong-clock.sqlite");
  const years = -4 * 365 * 24;
  await settle("backup", "web1/etc", years, { result: "passed" });
  await settle("check", "main", years, { result: "passed" });
  await settle("check", "main", 3, { result: "passed" });
  await settle("backup", "web1/etc", 0.5, { result: "incomplete", cause: "a file could not be read" });
  expect(await verdict()).toMatchObject({
    state: "ok",
    check: { ageSeconds: 3 * 3600 },
    lastBackup: { result: "incomplete" },
  });
  await settle("check", "main", 1, { result: "failed", code: "repository-damaged", cause: "pack 12 is missing" });
  expect(await verdict()).toMatchObject({ state: "DAMAGED" });
  await catalog.close();
});
