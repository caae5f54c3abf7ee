import type { Clock } from "@lifeboat/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Catalog, NewRun } from "./catalog.ts";
import { recordFor } from "./catalog-contract.ts";

/** The part of a database's promises that is about a clock that was ahead, and is right again. */
export function describeWrongClock(name: string, open: (clock: Clock) => Promise<Catalog>): void {
  const start = Date.UTC(2026, 10, 22, 1);
  const run: NewRun = {
    id: "backup/web1/uploads@20261122T010000Z",
    kind: "backup",
    object: "web1/uploads",
    policy: "web",
    slot: "2026-11-22T02:00:00+01:00",
  };
  let now = start;
  let catalog: Catalog;
  beforeEach(async () => {
    now = start;
    catalog = await open({ now: () => now, sleep: () => Promise.reject(new Error("nothing sleeps here")) });
  });
  afterEach(() => catalog.close());

  describe(`${name}: after a clock that was ahead`, () => {
    test("schedules that it moved go back, and only what it recorded as skipped gives way to the truth", async () => {
      const at = (hour: number) => {
        const slot = new Date(start + hour * 3_600_000).toISOString();
        return { ...run, id: `backup/web1/uploads@${hour}`, slot };
      };
      const skipped = (hour: number) => recordFor(at(hour), 0, { result: "skipped" });
      const lastSlot = async () => (await catalog.scheduleStates([])).get("backup/web1/uploads")?.lastSlotMs;
      await catalog.recordPending(at(0));
      now = start + 100 * 3_600_000;
      for (const hour of [1, 2, 50]) expect(await catalog.recordSettled(skipped(hour))).toBe(true);
      await catalog.recordSettled(recordFor(at(60), 1));
      await catalog.recordPending(at(99));
      now = start + 2 * 3_600_000;
      expect(await catalog.setSchedulesBack(98 * 3_600_000)).toBe(0);
      expect(await catalog.setSchedulesBack(3_600_000)).toBe(1);
      expect(await lastSlot()).toBe(start);
      expect(await catalog.recordSettled(skipped(1))).toBe(true);
      expect(await catalog.recordSettled(skipped(1))).toBe(false);
      expect(await catalog.recordPending(at(1))).toBe(false);
      expect(await catalog.recordPending(at(2))).toBe(true);
      expect(await catalog.recordPending(at(60))).toBe(false);
      expect(await catalog.recordPending(at(99))).toBe(false);
      expect((await catalog.openRuns()).map(({ id }) => id)).toEqual([at(0).id, at(2).id, at(99).id]);
    });

    test("the newest beat is one of a program that lives, not the last one of a program that is gone", async () => {
      const beat = (program: string, instance: string) => catalog.beat({ program, instance });
      now += 86_400_000;
      await beat("scheduler", "gone");
      await beat("worker", "lives");
      now = start;
      await beat("scheduler", "lives");
      now += 60_000;
      await beat("worker", "lives");
      // a clock that differs a little does not silence the others
      now -= 60_000;
      await beat("scheduler", "lives");
      expect((await catalog.beats()).map(({ program, instance, atMs }) => [program, instance, atMs - start])).toEqual([
        ["worker", "lives", 60_000],
        ["scheduler", "lives", 0],
      ]);
    });

    test("a run that was given back until then may be begun, once and only after that attempt", async () => {
      await catalog.recordPending(run);
      const claim = () => catalog.claimRun(run.id, "w", { staleAfterMs: 60_000 });
      await claim();
      await catalog.releaseRun(run.id, 1, {
        notBeforeMs: now + 28 * 86_400_000,
        cause: "the store refused the time",
        code: null,
      });
      expect(await claim()).toEqual({ claimed: false, because: "not-due" });
      const hasten = (attempt: number) => catalog.hastenRun(run.id, attempt);
      expect([await hasten(2), await hasten(1), await hasten(1)]).toEqual([false, true, false]);
      expect(await claim()).toMatchObject({ claimed: true, attempt: 2 });
      expect(await hasten(2)).toBe(false);
    });
  });
}
