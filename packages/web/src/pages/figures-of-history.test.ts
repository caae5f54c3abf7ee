import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Catalog, openCatalog } from "@lifeboat/catalog";
import type { Clock, RunResult } from "@lifeboat/model";
import { parseConfig } from "@lifeboat/model/config";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lastLocalDays } from "../figures/local-days.ts";
import { readAssetDays } from "./asset-days.ts";
import { readRecentFigures } from "./recent-figures.ts";

const nowMs = Date.UTC(2026, 10, 22, 12);
const hourMs = 3_600_000;
const clock: Clock = { now: () => nowMs, sleep: () => Promise.reject(new Error("nothing sleeps here")) };
let folder: string;
let catalog: Catalog;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lifeboat-web-figures-"));
  catalog = await openCatalog(join(folder, "history.sqlite"), { clock });
});
afterEach(async () => {
  await catalog.close();
  rmSync(folder, { recursive: true, force: true });
});

async function settle(asset: string, slotMs: number, result: RunResult = "passed", endedMs = slotMs): Promise<void> {
  const at = (ms: number) => new Date(ms).toISOString();
  await catalog.recordSettled({
    ...{ schema: "lifeboat.run/1", id: `backup/${asset}@${slotMs}`, kind: "backup", object: asset, policy: "web" },
    ...{ slot: at(slotMs), started: at(slotMs), ended: at(endedMs), result, attempt: 1, cause: null, code: null },
    ...{ repository: null, snapshot: null, figures: {}, problems: [], problemCount: 0 },
  });
}

test("a backup over midnight is shown on the day that leads to it", async () => {
  const days = lastLocalDays(nowMs, "UTC", 3);
  await settle("web1/etc", Date.UTC(2026, 10, 20, 23, 50), "failed", Date.UTC(2026, 10, 21, 0, 20));
  await settle("web1/etc", Date.UTC(2026, 10, 21, 12));
  expect(await readAssetDays(catalog, "web1/etc", days)).toEqual(["failed", "passed", "none"]);
  for (const [index, result] of ["failed", "passed"].entries()) {
    const { startMs, endMs } = days[index]!;
    const listed = await catalog.history({ object: "web1/etc", sinceMs: startMs, untilMs: endMs });
    expect(listed.map(({ record }) => record?.result)).toEqual([result]);
  }
});

test("an asset whose last backup was long before the window kept its RPO in no part of it", async () => {
  const text = `version: 1
company: { name: Test, timezone: UTC }
repositories: { main: { url: /srv/main, password: { env: MAIN } } }
hosts: { web1: { address: web1 } }
policies:
  web:
    hosts: [web1]
    repository: main
    schedule: { every: 24h }
    objectives: { rpo: 26h }
    sources: [{ name: old, type: files, paths: [/etc] }, { name: gap, type: files, paths: [/srv] }, { name: new, type: files, paths: [/new] }]
`;
  const { config } = parseConfig([{ path: "lifeboat.yaml", text }], { nowMs });
  if (config === undefined) throw new Error("the test's configuration has errors");
  const read = async () => (await readRecentFigures(catalog, config, nowMs)).rpoKept;
  expect(await read()).toEqual({ keptMs: 0, ofMs: 0 });
  const windowMs = nowMs - lastLocalDays(nowMs, "UTC", 30)[0]!.startMs;
  await settle("web1/old", nowMs - 60 * 24 * hourMs);
  expect(await read()).toEqual({ keptMs: 0, ofMs: windowMs });
  // One again after a long gap: the gap counts, too.
  await settle("web1/gap", nowMs - 60 * 24 * hourMs);
  await settle("web1/gap", nowMs - 10 * hourMs);
  expect(await read()).toEqual({ keptMs: 10 * hourMs, ofMs: 2 * windowMs });
  await settle("web1/new", nowMs - 10 * hourMs);
  expect(await read()).toEqual({ keptMs: 20 * hourMs, ofMs: 2 * windowMs + 10 * hourMs });
});
