import { DatabaseSync } from "node:sqlite";
import type { RunRow } from "@lifeboat/catalog";
import { statePaths } from "@lifeboat/host";
import { createRunRecord, type RunEnd } from "@lifeboat/jobs";
import { type Clock, LifeboatError } from "@lifeboat/model";
import { describe, expect, it } from "vitest";
import type { WorkOutcome } from "./run-work.ts";
import { settleRun } from "./settle-run.ts";
import { createScene, hourMs, type Scene } from "./test-scene.ts";

const startMs = Date.UTC(2026, 10, 22, 2);

async function createHouse() {
  const time = { nowMs: startMs };
  const pauses: number[] = [];
  const onPause: (() => void)[] = [];
  const clock: Clock = {
    now: () => time.nowMs,
    async sleep(milliseconds) {
      pauses.push(milliseconds);
      onPause.shift()?.();
    },
  };
  const scene = await createScene({ clock });
  const outcome = (run: RunRow, end: RunEnd, error?: unknown): WorkOutcome => {
    const order = { runId: run.id, attempt: run.attempt, policy: run.policy, timezone: "UTC" };
    return { record: createRunRecord(order, time.nowMs, clock, end), error };
  };
  const failed = (run: RunRow, error: LifeboatError) =>
    outcome(run, { result: "failed", cause: error.message, code: error.code }, error);
  return { ...scene, time, pauses, onPause, outcome, failed };
}

const claimAgain = async ({ catalog }: Scene, { id }: RunRow): Promise<RunRow> => {
  const claim = await catalog.claimRun(id, "test:1", { staleAfterMs: 60_000 });
  if (!claim.claimed) throw new Error(`not claimed: ${claim.because}`);
  return claim.run;
};

describe("a run that was stopped with its worker", () => {
  it("is tried again at once, also a drill, which has no error; one that was cancelled otherwise is over", async () => {
    const { claim, worker, catalog, outcome } = await createHouse();
    const drill = await claim("drill", "home", { policy: null });
    await settleRun(worker, drill, 1, outcome(drill, { result: "cancelled" }), true);
    expect(await catalog.findRun(drill.id)).toMatchObject({ state: "pending", notBeforeMs: startMs, attempt: 1 });
    const other = await claim("drill", "other", { policy: null });
    await settleRun(worker, other, 1, outcome(other, { result: "cancelled" }), false);
    expect(await catalog.findRun(other.id)).toMatchObject({ state: "settled", record: { result: "cancelled" } });
    const ended = await claim("drill", "ended", { policy: null });
    await settleRun(worker, ended, 1, outcome(ended, { result: "failed" }), true);
    expect(await catalog.findRun(ended.id)).toMatchObject({ state: "settled", record: { result: "failed" } });
  });
});

describe("a repository that somebody else holds for hours", () => {
  const locked = new LifeboatError("repository-locked", "it is locked");

  it("is asked for a day, every half an hour at last, and what was in vain counts as no attempt", async () => {
    const house = await createHouse();
    const { claim, worker, catalog, failed, time } = house;
    let run = await claim("prune", "main", { policy: null });
    const waits: number[] = [];
    for (;;) {
      time.nowMs += 60_000;
      await settleRun(worker, run, run.attempt, failed(run, locked), false);
      const row = await catalog.findRun(run.id);
      if (row?.state !== "pending") break;
      waits.push((row.notBeforeMs - time.nowMs) / 60_000);
      time.nowMs = row.notBeforeMs;
      run = await claimAgain(house, run);
    }
    expect(waits.slice(0, 4)).toEqual([1, 2, 30, 30]);
    expect(time.nowMs - startMs).toBeGreaterThan(23 * hourMs);
    expect(time.nowMs - startMs).toBeLessThanOrEqual(24 * hourMs);
    expect(await catalog.findRun(run.id)).toMatchObject({ record: { result: "failed", code: "repository-locked" } });
  });

  it("then fails for another reason: that is tried as often as ever", async () => {
    const house = await createHouse();
    const { claim, worker, catalog, failed, time } = house;
    let run = await claim("forget", "web1/pages");
    const next = async (error: LifeboatError) => {
      await settleRun(worker, run, run.attempt, failed(run, error), false);
      const row = await catalog.findRun(run.id);
      if (row?.state === "pending") {
        time.nowMs = row.notBeforeMs;
        run = await claimAgain(house, run);
      }
      return row?.state;
    };
    for (let at = 0; at < 5; at++) expect(await next(locked)).toBe("pending");
    const away = new LifeboatError("store-unreachable", "it is away");
    expect([await next(away), await next(away), await next(away)]).toEqual(["pending", "pending", "settled"]);
  });

  it("by a lock that nobody renews, or in a backup: three attempts, then a person hears of it", async () => {
    const stale = new LifeboatError("repository-locked", "it is locked", { context: { stale: true } });
    for (const [kind, object, error] of [
      ["prune", "main", stale],
      ["backup", "web1/pages", locked],
    ] as const) {
      const house = await createHouse();
      let run = await house.claim(kind, object, { policy: null });
      for (let attempt = 1; attempt < 3; attempt++) {
        await settleRun(house.worker, run, attempt, house.failed(run, error), false);
        house.time.nowMs += hourMs;
        run = await claimAgain(house, run);
      }
      await settleRun(house.worker, run, 3, house.failed(run, error), false);
      expect(await house.catalog.findRun(run.id)).toMatchObject({ state: "settled", attempt: 3 });
    }
  });
});

it("a wrong password or a typing error is for a person to mend: one attempt", async () => {
  const { claim, worker, catalog, failed } = await createHouse();
  for (const [object, code] of [
    ["main", "wrong-password"],
    ["other", "config-invalid"],
  ] as const) {
    const run = await claim("check", object, { policy: null });
    await settleRun(worker, run, 1, failed(run, new LifeboatError(code, "no")), false);
    expect(await catalog.findRun(run.id), code).toMatchObject({ state: "settled", attempt: 1 });
  }
});

it("work that is done is settled although the history was busy, and is not done again", async () => {
  const { claim, worker, catalog, outcome, onPause, pauses } = await createHouse();
  const run = await claim("backup", "web1/pages");
  const other = new DatabaseSync(statePaths(worker.stateFolder).history);
  other.exec("BEGIN IMMEDIATE");
  onPause.push(() => other.exec("ROLLBACK"));
  await settleRun(worker, run, 1, outcome(run, { result: "passed" }), false);
  other.close();
  expect(pauses).toEqual([500]);
  expect(await catalog.findRun(run.id)).toMatchObject({ state: "settled", record: { result: "passed" } });
}, 60_000);
