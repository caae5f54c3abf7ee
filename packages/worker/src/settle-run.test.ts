import { DatabaseSync } from "node:sqlite";
import type { RunRow } from "@lifeboat/catalog";
import { statePaths } from "@lifeboat/host";
import { createRunRecord, type RunEnd } from "@lifeboat/jobs";
import { type Clock, LifeboatError } from "@lifeboat/model";
import { describe, expect, it } from "vitest";
import type { WorkOutcome } from "./run-work.ts";
import { settleRun } from "./settle-run.ts";
import { createScene } from "./test-scene.ts";

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
