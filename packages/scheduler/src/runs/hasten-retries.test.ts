import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCatalog } from "@lifeboat/catalog";
import { type Clock, silentLogger } from "@lifeboat/model";
import { expect, onTestFinished, test } from "vitest";
import { configOf, policyOf } from "../test-config.ts";
import { hastenRetries } from "./hasten-retries.ts";

const minuteMs = 60_000;
const now = Date.UTC(2026, 10, 22, 3);
const clock: Clock = { now: () => now, sleep: () => Promise.reject(new Error("nothing sleeps here")) };

/** The run's time, after the scheduler has looked, when its attempt was given back for so long. */
async function notBeforeAfter(waitMs: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-hasten-"));
  const catalog = await openCatalog(join(folder, "history.sqlite"), { clock });
  onTestFinished(async () => {
    await catalog.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const config = configOf(policyOf("web", "schedule: { every: 1h }\nretry: { attempts: 2, backoff: 1m, max: 5m }"));
  const id = "forget/web1/web@20261122T030000Z";
  const object = "web1/web";
  await catalog.recordPending({ id, kind: "forget", object, policy: "pweb", slot: "2026-11-22T03:00:00Z", byHand: false });
  const claim = await catalog.claimRun(id, "w", { staleAfterMs: minuteMs });
  if (!claim.claimed) throw new Error("not claimed");
  await catalog.releaseRun(id, claim.attempt, { notBeforeMs: now + waitMs, cause: "locked", code: "repository-locked" });
  await hastenRetries({ config, catalog, logger: silentLogger }, now);
  return (await catalog.findRun(id))!.notBeforeMs - now;
}

test("a wait that only a wrong clock can have made is cut short, the half hour until a lock is asked for again is not", async () => {
  expect(await notBeforeAfter(5 * minuteMs)).toBe(5 * minuteMs);
  expect(await notBeforeAfter(30 * minuteMs)).toBe(30 * minuteMs);
  expect(await notBeforeAfter(3 * 60 * minuteMs)).toBe(0);
});
