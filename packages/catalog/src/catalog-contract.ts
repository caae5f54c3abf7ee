import type { Clock, RunRecord } from "@lifeboat/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Catalog, NewRun } from "./catalog.ts";

/** What a database must promise, whichever it is. `open` gives a fresh and empty one on the given clock. */
export function describeCatalog(name: string, open: (clock: Clock) => Promise<Catalog>): void {
  const start = Date.UTC(2026, 10, 22, 1);
  const slotText = "2026-11-22T02:00:00+01:00";
  const run: NewRun = {
    id: "backup/web1/uploads@20261122T010000Z",
    kind: "backup",
    object: "web1/uploads",
    policy: "web",
    slot: slotText,
  };
  let now = start;
  const clock: Clock = { now: () => now, sleep: () => Promise.reject(new Error("nothing sleeps here")) };
  let catalog: Catalog;
  beforeEach(async () => {
    now = start;
    catalog = await open(clock);
  });
  afterEach(() => catalog.close());
  const staleAfterMs = 60_000;
  const claim = async (id: string, owner = "w1") => {
    const answer = await catalog.claimRun(id, owner, { staleAfterMs });
    return answer.claimed ? answer.attempt : answer.because;
  };

  describe(`${name}: the life of a run`, () => {
    test("it is recorded once, however many schedulers see its slot", async () => {
      expect(await Promise.all([catalog.recordPending(run), catalog.recordPending(run), catalog.recordPending(run)])).toEqual([
        true,
        false,
        false,
      ]);
      expect(await catalog.recordSettled(recordFor(run, 0, { result: "skipped" }))).toBe(false);
      expect(await catalog.openRuns()).toMatchObject([{ id: run.id, state: "pending", attempt: 0, slotMs: start, record: null }]);
    });

    test("a settled one gives back exactly the record that settled it", async () => {
      await catalog.recordPending(run);
      expect(await claim(run.id)).toBe(1);
      const record = recordFor(run, 1, {
        result: "incomplete",
        cause: "3 files could not be read",
        code: "source-unreadable",
        repository: "s3-main",
        snapshot: "ab".repeat(32),
        figures: { files: 58107, bytes: 31353261260 },
        problems: [{ path: "/srv/\\xff", kind: "unreadable", detail: "Permission denied" }],
        problemCount: 3,
        lost: ["hard-links", "xattrs"],
        host: { system: "Debian GNU/Linux 12 (bookworm)", sudo: ["find"], clock_skew_ms: -1500 },
      });
      await catalog.settleRun(run.id, 1, record);
      expect((await catalog.findRun(run.id))?.record).toEqual(record);
      expect((await catalog.history({ object: "web1/uploads" }))[0]?.record).toEqual(record);
      expect(await catalog.openRuns()).toEqual([]);
      expect(await claim(run.id)).toBe("settled");
    });

    test("of many who claim it one gets it, and an unknown one nobody", async () => {
      await catalog.recordPending(run);
      const answers = await Promise.all(["a", "b", "c", "d"].map((owner) => claim(run.id, owner)));
      expect(answers.sort()).toEqual([1, "running", "running", "running"]);
      expect(await claim("backup/none@20261122T010000Z")).toBe("unknown");
    });

    test("a worker that fell silent is fenced: it can neither beat, settle nor give back", async () => {
      await catalog.recordPending(run);
      expect(await claim(run.id, "old")).toBe(1);
      now += staleAfterMs;
      expect(await claim(run.id, "new")).toBe("running");
      expect(await catalog.lostRuns(staleAfterMs)).toEqual([]);
      now += 1;
      expect(await catalog.lostRuns(staleAfterMs)).toMatchObject([{ id: run.id, owner: "old", attempt: 1 }]);
      expect(await claim(run.id, "new")).toBe(2);
      expect(await catalog.heartbeat(run.id, 1)).toBe(false);
      await expect(catalog.settleRun(run.id, 1, recordFor(run, 1))).rejects.toMatchObject({ code: "job-fenced" });
      await expect(catalog.releaseRun(run.id, 1, { notBeforeMs: 0, cause: "x", code: null })).rejects.toMatchObject({
        code: "job-fenced",
      });
      expect(await catalog.heartbeat(run.id, 2)).toBe(true);
      await catalog.settleRun(run.id, 2, recordFor(run, 2));
      await expect(catalog.settleRun(run.id, 2, recordFor(run, 2))).rejects.toMatchObject({ code: "job-fenced" });
      expect(await catalog.heartbeat(run.id, 2)).toBe(false);
      expect(await catalog.attemptsOf(run.id)).toMatchObject([
        { attempt: 1, owner: "old", cause: "its worker fell silent, another one took over", code: "worker-lost" },
        { attempt: 2, owner: "new", cause: null, endedMs: now },
      ]);
    });

    test("a heartbeat keeps it, also for hours", async () => {
      await catalog.recordPending(run);
      await claim(run.id);
      for (let minute = 0; minute < 180; minute++) {
        now += 59_000;
        expect(await catalog.heartbeat(run.id, 1)).toBe(true);
      }
      expect(await catalog.lostRuns(staleAfterMs)).toEqual([]);
    });

    test("with the clock set back by an hour, a beating one is kept and a dead one is found at once", async () => {
      const other = { ...run, id: "backup/web1/etc@20261122T010000Z", object: "web1/etc" };
      for (const each of [run, other]) {
        await catalog.recordPending(each);
        await claim(each.id);
      }
      now -= 3_600_000;
      await catalog.heartbeat(run.id, 1);
      expect((await catalog.lostRuns(staleAfterMs)).map(({ id }) => id)).toEqual([other.id]);
    });

    test("a failed attempt waits for its time and then gets the next number", async () => {
      await catalog.recordPending(run);
      await claim(run.id);
      await catalog.releaseRun(run.id, 1, { notBeforeMs: now + 1000, cause: "connection refused", code: "host-unreachable" });
      expect(await catalog.findRun(run.id)).toMatchObject({
        state: "pending",
        owner: null,
        cause: "connection refused",
        attempt: 1,
      });
      expect(await claim(run.id)).toBe("not-due");
      now += 1000;
      expect(await claim(run.id)).toBe(2);
      expect(await catalog.attemptsOf(run.id)).toMatchObject([
        { attempt: 1, cause: "connection refused" },
        { attempt: 2, endedMs: null },
      ]);
    });

    test("one thought lost that speaks again is not taken away", async () => {
      await catalog.recordPending(run);
      await claim(run.id);
      const [thoughtLost] = await catalog.openRuns();
      now += 5;
      await catalog.heartbeat(run.id, 1);
      const takeBack = catalog.releaseRun(run.id, 1, {
        notBeforeMs: 0,
        cause: "lost",
        code: null,
        ifHeartbeatMs: thoughtLost!.heartbeatMs!,
      });
      await expect(takeBack).rejects.toMatchObject({ code: "job-fenced" });
      expect(await catalog.heartbeat(run.id, 1)).toBe(true);
    });

    test("of one asset only one backup is at work at a time", async () => {
      const next = { ...run, id: "backup/web1/uploads@20261122T010005Z", slot: "2026-11-22T02:00:05+01:00" };
      const forget: NewRun = { ...run, id: "forget/web1/uploads@20261122T000000Z", kind: "forget" };
      for (const each of [run, next, forget]) await catalog.recordPending(each);
      expect(await claim(run.id)).toBe(1);
      expect(await claim(next.id)).toBe("busy");
      expect(await claim(forget.id)).toBe(1);
      await catalog.settleRun(run.id, 1, recordFor(run, 1));
      expect(await claim(next.id)).toBe(1);
      now += staleAfterMs + 1;
      const third = { ...run, id: "backup/web1/uploads@20261122T010010Z" };
      await catalog.recordPending(third);
      expect(await claim(third.id)).toBe(1);
    });

    test("a pending one can be cancelled, a running one cannot be settled past its worker", async () => {
      await catalog.recordPending(run);
      expect(await catalog.settlePending(recordFor(run, 0, { result: "cancelled" }))).toBe(true);
      expect(await claim(run.id)).toBe("settled");
      const other = { ...run, id: "backup/web1/etc@20261122T010000Z", object: "web1/etc" };
      await catalog.recordPending(other);
      await claim(other.id);
      expect(await catalog.settlePending(recordFor(other, 0, { result: "cancelled" }))).toBe(false);
    });

    test("a record of another run or attempt settles nothing", async () => {
      await catalog.recordPending(run);
      await claim(run.id);
      await expect(catalog.settleRun(run.id, 1, recordFor(run, 2))).rejects.toMatchObject({ code: "catalog-failed" });
      expect(await catalog.openRuns()).toHaveLength(1);
    });
  });

  describe(`${name}: schedules`, () => {
    test("are known since they were first seen, and their last slot never goes back", async () => {
      const names = [
        { kind: "backup", object: "web1/uploads" },
        { kind: "drill", object: "shop" },
      ] as const;
      const first = await catalog.scheduleStates(names);
      expect(first.get("backup/web1/uploads")).toEqual({ knownSinceMs: start, lastSlotMs: null });
      now += 5000;
      await catalog.recordPending(run);
      await catalog.recordPending({ ...run, id: "backup/web1/uploads@20261122T000000Z", slot: "2026-11-22T00:00:00Z" });
      await catalog.recordPending({
        ...run,
        id: "backup/web1/uploads@20261122T090000.123Z-x7k2",
        slot: "2026-11-22T09:00:00.123Z",
        byHand: true,
      });
      expect((await catalog.scheduleStates(names)).get("backup/web1/uploads")).toEqual({
        knownSinceMs: start,
        lastSlotMs: start,
      });
      expect((await catalog.scheduleStates(names)).get("drill/shop")).toEqual({ knownSinceMs: start, lastSlotMs: null });
    });

    test("and history come back from the repositories' records, twice as well as once", async () => {
      const records = [
        recordFor(run, 1),
        recordFor({ ...run, id: "backup/web1/uploads@20261121T010000Z", slot: "2026-11-21T02:00:00+01:00" }, 2),
      ];
      await catalog.recordPending(run);
      expect(await catalog.importRecords(records)).toBe(2);
      expect(await catalog.importRecords(records)).toBe(0);
      expect((await catalog.history({})).map(({ record }) => record)).toEqual(records);
      expect((await catalog.scheduleStates([])).get("backup/web1/uploads")?.lastSlotMs).toBe(start);
    });
  });

  describe(`${name}: questions`, () => {
    test("filter by object, kind, result, time and number, newest first", async () => {
      for (let hour = 0; hour < 6; hour++) {
        const slot = new Date(start + hour * 3_600_000).toISOString();
        for (const object of ["web1/etc", "db1/shop"]) {
          const each: NewRun = { ...run, id: `backup/${object}@${hour}`, object, slot };
          await catalog.recordSettled(
            recordFor(each, 1, { result: hour % 2 === 0 ? "passed" : "failed", started: slot, ended: slot }),
          );
        }
      }
      await catalog.recordSettled(recordFor({ ...run, id: "drill/shop@1", kind: "drill", object: "shop" }, 1));
      const ids = async (filter: Parameters<Catalog["history"]>[0]) => (await catalog.history(filter)).map(({ id }) => id);
      expect(await ids({ object: "db1/shop", results: ["failed"] })).toEqual([
        "backup/db1/shop@5",
        "backup/db1/shop@3",
        "backup/db1/shop@1",
      ]);
      expect(await ids({ kinds: ["drill"] })).toEqual(["drill/shop@1"]);
      expect(await ids({ object: "db1/shop", sinceMs: start + 2 * 3_600_000, untilMs: start + 4 * 3_600_000 })).toEqual([
        "backup/db1/shop@3",
        "backup/db1/shop@2",
      ]);
      expect(await ids({ limit: 1 })).toEqual(["backup/db1/shop@5"]);
      expect(await ids({ limit: 2, offset: 1 })).toEqual(["backup/web1/etc@5", "backup/db1/shop@4"]);
      expect(await ids({ offset: 12 })).toEqual(["drill/shop@1"]);
      await catalog.recordPending(run);
      const counts = await catalog.countRuns({ sinceMs: start });
      expect(counts.map(({ kind, state, result, count }) => `${kind} ${state} ${result} ${count}`).sort()).toEqual([
        "backup pending null 1",
        "backup settled failed 6",
        "backup settled passed 6",
        "drill settled passed 1",
      ]);
      expect(await catalog.countRuns({ object: "db1/shop", results: ["failed"], limit: 1, offset: 2 })).toMatchObject([
        { count: 3 },
      ]);
      const fourthMs = start + 4 * 3_600_000;
      expect(await catalog.backupEnds({ sinceMs: fourthMs, object: "db1/shop" })).toEqual([
        { object: "db1/shop", result: "failed", startedMs: fourthMs + 3_600_000, endedMs: fourthMs + 3_600_000 },
        { object: "db1/shop", result: "passed", startedMs: fourthMs, endedMs: fourthMs },
      ]);
      const latest = async () => {
        const rows = await catalog.latestRuns("backup", ["passed"], ["db1/shop", "web1/etc", "web1/none"]);
        return [...rows].map(([object, row]) => [object, row.id]).sort();
      };
      now = fourthMs;
      const newest = [
        ["db1/shop", "backup/db1/shop@4"],
        ["web1/etc", "backup/web1/etc@4"],
      ];
      expect(await latest()).toEqual(newest);
      // two clocks may differ a little; one that ended hours ahead did so by a wrong clock, and is not the last one
      now -= 300_000;
      expect(await latest()).toEqual(newest);
      now -= 1;
      expect((await latest()).map(([, id]) => id)).toEqual(["backup/db1/shop@2", "backup/web1/etc@2"]);
    });

    test("snapshots seen are refreshed and forgotten for each repository alone", async () => {
      const seen = {
        repository: "main",
        id: "aa",
        original: "aa",
        asset: "web1/etc",
        run: run.id,
        time: "2026-11-22T02:00:00.123456789+01:00",
        bytes: 5_000_000_000_000,
        files: 3,
      };
      await catalog.recordSnapshots([seen, { ...seen, repository: "dr", id: "bb" }]);
      await catalog.recordSnapshots([{ ...seen, files: 4 }]);
      await catalog.forgetSnapshots("dr", ["aa", "bb"]);
      expect(await catalog.seenSnapshots({ asset: "web1/etc" })).toEqual([{ ...seen, files: 4 }]);
    });

    test("good copies are the newest snapshots whose backup passed, by asset and repository", async () => {
      const record = async (hour: number, result: RunRecord["result"], repositories: string[]) => {
        const slot = new Date(start + hour * 3_600_000).toISOString();
        const each: NewRun = { ...run, id: `backup/web1/uploads@${hour}`, slot };
        await catalog.recordSettled(recordFor(each, 1, { result }));
        const seen = {
          id: `s${hour}`,
          original: `s${hour}`,
          asset: "web1/uploads",
          run: each.id,
          time: slot,
          bytes: 1,
          files: 1,
        };
        await catalog.recordSnapshots(repositories.map((repository) => ({ ...seen, repository })));
      };
      await record(0, "passed", ["main", "dr"]);
      await record(1, "passed", ["main"]);
      await record(2, "incomplete", ["main", "dr"]);
      const copies = (await catalog.goodCopies()).sort((a, b) => a.repository.localeCompare(b.repository));
      expect(copies).toEqual([
        { repository: "dr", asset: "web1/uploads", timeMs: start, snapshot: "s0" },
        { repository: "main", asset: "web1/uploads", timeMs: start + 3_600_000, snapshot: "s1" },
      ]);
    });

    test("drill reports, applied configurations and beats are kept", async () => {
      const report = {
        runId: "drill/shop@1",
        drill: "shop",
        result: "failed",
        declared: slotText,
        rtaSeconds: 12.5,
        rpaSeconds: null,
        proofs: [{ asset: "db1/shop", outcome: "failed" }],
        report: '{"a":1}',
      } as const;
      await catalog.recordDrillReport({ ...report, result: "passed" });
      await catalog.recordDrillReport(report);
      expect(await catalog.drillReports({ drill: "shop" })).toEqual([report]);
      expect(await catalog.findDrillReport("drill/none@1")).toBeUndefined();
      await catalog.recordDrillReport({ ...report, html: "<p>failed</p>" });
      expect(await catalog.findDrillReport(report.runId)).toEqual({ ...report, html: "<p>failed</p>" });
      expect(await catalog.drillReports({ drill: "shop" })).toEqual([report]);
      const apply = (sha256: string) => catalog.recordConfig({ sha256, text: sha256, appliedBy: "root" });
      expect([await apply("a"), await apply("a"), await apply("b"), await apply("a")]).toEqual([true, false, true, true]);
      expect((await catalog.appliedConfigs()).map(({ sha256 }) => sha256)).toEqual(["a", "b", "a"]);
      await catalog.beat({ program: "scheduler", instance: "one" });
      now += 1000;
      await catalog.beat({ program: "scheduler", instance: "one", detail: "up" });
      expect(await catalog.beats()).toEqual([{ program: "scheduler", instance: "one", atMs: now, detail: "up" }]);
    });
  });
}

export function recordFor(run: NewRun, attempt: number, change: Partial<RunRecord> = {}): RunRecord {
  return {
    schema: "lifeboat.run/1",
    id: run.id,
    kind: run.kind,
    object: run.object,
    policy: run.policy,
    slot: run.slot,
    started: "2026-11-22T02:00:01+01:00",
    ended: "2026-11-22T02:00:09+01:00",
    result: "passed",
    attempt,
    cause: null,
    code: null,
    repository: null,
    snapshot: null,
    figures: {},
    problems: [],
    problemCount: 0,
    ...change,
  };
}
