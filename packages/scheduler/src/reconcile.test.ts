import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Catalog, collectProtection, openCatalog, type RunRow } from "@lifeboat/catalog";
import { assessProtection, type Clock, LifeboatError, type RunResult, silentLogger } from "@lifeboat/model";
import type { QueueJob, RunQueue } from "@lifeboat/queue";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { reconcile } from "./reconcile.ts";
import { createSilenceWatch, type SilenceWatch } from "./runs/watch-silence.ts";
import { createSettledWatch, type SettledWatch } from "./slots/watch-settled.ts";
import { configOf, policyOf } from "./test-config.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-scheduler-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (text: string) => Date.parse(`2026-11-22T${text}Z`);
const staleAfterMs = 60_000;
let now = 0;
let count = 0;
let catalog: Catalog;
let queue: ReturnType<typeof listQueue>;
let watches: { silence: SilenceWatch; settled: SettledWatch };
const clock: Clock = { now: () => now, sleep: () => Promise.reject(new Error("nothing sleeps here")) };

/** Keeps jobs in a list, can be lost or away: here the scheduler's logic is looked at, with Redis in the other test. */
function listQueue() {
  const jobs = new Map<string, QueueJob>();
  const state = { away: false, jobs };
  const ask = async <T>(answer: () => T): Promise<T> => {
    if (state.away) throw new LifeboatError("control-plane-unreachable", "redis is away");
    return answer();
  };
  const methods: RunQueue = {
    enqueue: (job) => ask(() => jobs.size < jobs.set(job.runId, job).size),
    raise: (id, priority) =>
      ask(() => {
        const job = jobs.get(id);
        if (job === undefined || job.priority <= priority) return false;
        jobs.set(id, { ...job, priority });
        return true;
      }),
    jobState: (id) => ask(() => (jobs.has(id) ? "waiting" : "absent")),
    jobIds: () => ask(() => new Set(jobs.keys())),
    remove: (id) => ask(() => jobs.delete(id)),
    counts: () => ask(() => ({ waiting: jobs.size, active: 0 })),
    close: async () => {},
  };
  return Object.assign(state, methods);
}

const newWatches = () => ({ silence: createSilenceWatch(), settled: createSettledWatch() });

beforeEach(async () => {
  now = at("02:00:00");
  catalog = await openCatalog(join(folder, `history-${++count}.sqlite`), { clock });
  queue = listQueue();
  watches = newWatches();
});
afterEach(() => catalog.close());

const web = configOf(policyOf("web", "schedule: { every: 1h }\nretry: { attempts: 2, backoff: 1m, max: 5m }"));
const fast = configOf(policyOf("web", "schedule: { every: 5s }"));
const tick = (config = web) => reconcile({ config, catalog, queue, logger: silentLogger, staleAfterMs, ...watches }, now);
/** What is silent now has been so for some rounds only after these. */
const someTicks = async () => {
  for (let round = 1; round < 15; round++) expect(await tick()).toMatchObject({ lost: 0 });
};
const rows = async () => (await catalog.history({ limit: 10_000 })).reverse();
const short = ({ id, state, record }: RunRow) =>
  `${id.split("@")[1]} ${record?.result ?? state}${record?.cause ? ` ${record.cause}` : ""}`;
const history = async () => (await rows()).map(short);

/** What a worker does: claim, and settle with this result. */
async function work(id: string, result: RunResult = "passed"): Promise<void> {
  queue.jobs.delete(id);
  const claim = await catalog.claimRun(id, "w", { staleAfterMs });
  if (!claim.claimed) throw new Error(`${id}: ${claim.because}`);
  await catalog.settleRun(id, claim.attempt, recordOf(claim.run, result));
}

function recordOf(run: RunRow, result: RunResult) {
  const time = new Date(now).toISOString();
  const { id, kind, object, policy, slot, attempt } = run;
  const rest = { cause: null, code: null, repository: null, snapshot: null, figures: {}, problems: [], problemCount: 0 };
  return {
    schema: "lifeboat.run/1" as const,
    id,
    kind,
    object,
    policy,
    slot,
    attempt,
    started: time,
    ended: time,
    result,
    ...rest,
  };
}

describe("due slots", () => {
  test("become one pending run and one job each, with the slot in the zone's time; nothing is due before a policy is known", async () => {
    await tick();
    expect(await history()).toEqual([]);
    now = at("03:00:00");
    expect(await tick()).toEqual({ recorded: 1, skipped: 0, lost: 0, enqueued: 1 });
    expect(await tick()).toEqual({ recorded: 0, skipped: 0, lost: 0, enqueued: 0 });
    const id = "backup/web1/web@20261122T030000Z";
    expect([...queue.jobs.values()]).toEqual([
      { runId: id, kind: "backup", object: "web1/web", policy: "pweb", slot: at("03:00:00"), priority: 10 },
    ]);
    expect((await catalog.findRun(id))?.slot).toBe("2026-11-22T04:00:00+01:00");
  });

  test("seen by two schedulers at once make the same rows as by one", async () => {
    const other = await openCatalog(join(folder, `history-${count}.sqlite`), { clock });
    await tick(fast);
    for (let second = 0; second < 30; second++) {
      now += 1000;
      const mine = tick(fast);
      const theirs = reconcile({ config: fast, catalog: other, queue, logger: silentLogger, staleAfterMs, ...newWatches() }, now);
      await Promise.all([mine, theirs]);
      for (const id of [...queue.jobs.keys()]) await work(id);
    }
    await other.close();
    const slots = ["05", "10", "15", "20", "25", "30"];
    expect(await history()).toEqual(slots.map((second) => `20261122T0200${second}Z passed`));
  });

  test("of prune, check and drills follow their own schedules", async () => {
    const config = configOf(
      policyOf("web", "schedule: { every: 365d }"),
      `drills:
  shop:
    schedule: { every: 10m }
    targets: { files: { type: directory, path: "/srv/scratch/{run}" } }
    steps: [{ id: files, restore: { asset: web1/web, to: files } }]
    checks: [{ id: hashes, after: files, type: file_hash, sample: 5%, against: snapshot }]`,
    );
    const main = config.repositories.get("main")!;
    const schedule = { when: { kind: "every", seconds: 600, timezone: "UTC" }, jitterSeconds: 0, catchUp: "once" } as const;
    const repositories = new Map([
      ["main", { ...main, prune: { schedule, maxUnusedRatio: 0.1 }, check: { schedule, readData: false } }],
    ]);
    const both = { ...config, repositories };
    await tick(both);
    now = at("02:10:00");
    await tick(both);
    expect((await rows()).map(({ id }) => id).sort()).toEqual([
      "check/main@20261122T021000Z",
      "drill/shop@20261122T021000Z",
      "prune/main@20261122T021000Z",
    ]);
  });
});

describe("workers that are always short", () => {
  test("a check that has waited for six hours stands in one line with the backups", async () => {
    const config = configOf(policyOf("web", "schedule: { every: 1h }"));
    const main = config.repositories.get("main")!;
    const schedule = { when: { kind: "every", seconds: 86_400, timezone: "UTC" }, jitterSeconds: 0, catchUp: "once" } as const;
    const withCheck = { ...config, repositories: new Map([["main", { ...main, check: { schedule, readData: false } }]]) };
    await tick(withCheck);
    const due = at("02:00:00") + 22 * 3_600_000;
    const priorities = async (hours: number) => {
      now = due + hours * 3_600_000;
      await tick(withCheck);
      const ofKind = (kind: string) => [...queue.jobs.values()].filter((job) => job.kind === kind).map((job) => job.priority);
      return [ofKind("check"), new Set(ofKind("backup"))];
    };
    expect(await priorities(0)).toEqual([[40], new Set([10])]);
    expect(await priorities(5.9)).toEqual([[40], new Set([10])]);
    expect(await priorities(6)).toEqual([[10], new Set([10])]);
    // Redis was lost: it comes back where it stood.
    queue.jobs.clear();
    expect(await priorities(6.1)).toEqual([[10], new Set([10])]);
  });
});

describe("overlap", () => {
  test("with a running run of the same object is recorded as skipped, and other objects go on", async () => {
    const two = configOf(policyOf("web", "schedule: { every: 1h }") + policyOf("etc", "schedule: { every: 1h }"));
    await tick(two);
    now = at("03:00:00");
    await tick(two);
    await catalog.claimRun("backup/web1/web@20261122T030000Z", "w", { staleAfterMs });
    await work("backup/web1/etc@20261122T030000Z");
    now = at("04:00:00");
    await catalog.heartbeat("backup/web1/web@20261122T030000Z", 1);
    await tick(two);
    expect((await catalog.findRun("backup/web1/web@20261122T040000Z"))?.record).toMatchObject({
      result: "skipped",
      cause: "still running: backup/web1/web@20261122T030000Z",
      attempt: 0,
    });
    expect(await catalog.findRun("backup/web1/etc@20261122T040000Z")).toMatchObject({ state: "pending" });
  });

  test("with waiting runs: for a minute each slot gets its run, one job at a time; then slots are skipped", async () => {
    await tick(fast);
    for (let second = 1; second <= 80; second++) {
      now += 1000;
      await tick(fast);
      expect(queue.jobs.size).toBeLessThan(2);
    }
    const states = (await rows()).map(({ state, record }) => record?.cause ?? state);
    expect(states).toEqual([...Array(13).fill("pending"), ...Array(3).fill("still waiting: backup/web1/web@20261122T020005Z")]);
    const order: string[] = [];
    while ((await catalog.openRuns()).length > 0) {
      await tick(fast);
      for (const id of [...queue.jobs.keys()]) {
        order.push(id);
        await work(id);
      }
    }
    expect(order).toEqual([...order].sort());
    expect(order).toHaveLength(13);
  });
});

describe("after a downtime", () => {
  const daily = (catchUp: string) => configOf(policyOf("web", `schedule: { every: 1h, catch_up: ${catchUp} }`));
  const missed = (hours: string[]) => hours.map((hour) => `20261122T${hour}0000Z skipped missed: no scheduler was running`);

  test("catch_up once runs the latest slot and records the others as missed", async () => {
    await tick(daily("once"));
    now = at("06:30:00");
    await tick(daily("once"));
    expect(await history()).toEqual([...missed(["03", "04", "05"]), "20261122T060000Z pending"]);
  });

  test("catch_up skip runs none", async () => {
    await tick(daily("skip"));
    now = at("06:30:00");
    await tick(daily("skip"));
    expect(await history()).toEqual(missed(["03", "04", "05", "06"]));
  });

  test("of a month with slots of 5 s the newest hundred are recorded, and no slot after it is lost", async () => {
    await tick(fast);
    now += 30 * 86_400_000;
    await tick(fast);
    const recorded = await rows();
    expect(recorded.filter(({ record }) => record?.cause?.startsWith("missed"))).toHaveLength(100);
    expect(recorded.filter(({ state }) => state === "pending")).toHaveLength(12);
  });

  test("a clock that is set back makes no slot twice", async () => {
    await tick(fast);
    for (const step of [5000, 5000, -8000, 3000, 5000, -7_200_000, 5000, 5000]) {
      now += step;
      await tick(fast);
      for (const id of [...queue.jobs.keys()]) await work(id);
    }
    const ids = (await rows()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(await history()).toContain("20261122T020010Z passed");
    // the earlier clock was two hours wrong: slots of the present clock run
    expect(await history()).toContain("20261122T000010Z pending");
  });
});

describe("a clock that was ahead for a moment", () => {
  const workAll = async () => {
    for (const id of [...queue.jobs.keys()]) await work(id);
  };
  const ahead = async (days: number, config = web) => {
    now += days * 86_400_000;
    await tick(config);
    await workAll();
    now -= days * 86_400_000;
  };

  test("takes no slot of the weeks to come: what it recorded as missed gives way to the run", async () => {
    const daily = configOf(policyOf("web", "schedule: { every: 1d }"));
    await tick(daily);
    await ahead(28, daily);
    const wanted: string[] = [];
    for (now += 1000; wanted.length < 30; now += 3_600_000) {
      await tick(daily);
      await workAll();
      if (now % 86_400_000 < 3_600_000)
        wanted.push(`${new Date(now).toISOString().slice(0, 10).replaceAll("-", "")}T000000Z passed`);
    }
    expect(await history()).toEqual(wanted);
  });

  test("hides no downtime: what passes in it afterwards is made up for and recorded", async () => {
    await tick();
    now = at("03:00:00");
    await tick();
    await workAll();
    await ahead(365);
    now += 1000;
    await tick();
    expect((await catalog.scheduleStates([])).get("backup/web1/web")?.lastSlotMs).toBe(at("03:00:00"));
    now = at("06:30:00");
    await tick();
    expect((await history()).filter((line) => line.startsWith("20261122"))).toEqual([
      "20261122T030000Z passed",
      "20261122T040000Z skipped missed: no scheduler was running",
      "20261122T050000Z skipped missed: no scheduler was running",
      "20261122T060000Z pending",
    ]);
  });

  test("holds back no run that failed then and waits for its next attempt", async () => {
    await tick();
    now = at("03:00:00");
    await tick();
    const id = "backup/web1/web@20261122T030000Z";
    await catalog.claimRun(id, "w", { staleAfterMs });
    queue.jobs.clear();
    now += 28 * 86_400_000;
    await catalog.releaseRun(id, 1, { notBeforeMs: now + 60_000, cause: "the store refused the time", code: "store-refused" });
    now = at("03:01:00");
    expect((await tick()).enqueued).toBe(1);
    await work(id);
    now = at("04:00:00");
    expect(await tick()).toMatchObject({ recorded: 1, skipped: 0 });
  });

  test("loses no slot that passed while it was wrong, and one that was a year behind changes no row", async () => {
    await tick();
    const wrong = now + 40 * 86_400_000;
    for (now = wrong; now < wrong + 3 * 3_600_000; now += 60_000) {
      await tick();
      await workAll();
    }
    now = at("05:00:30");
    await tick();
    await workAll();
    const before = await history();
    expect(before.filter((line) => line.startsWith("20261122"))).toEqual([
      "20261122T030000Z skipped missed: no scheduler was running",
      "20261122T040000Z skipped missed: no scheduler was running",
      "20261122T050000Z passed",
    ]);
    now -= 365 * 86_400_000;
    await tick();
    now += 365 * 86_400_000;
    await tick();
    expect((await history()).filter((line) => !line.startsWith("2025"))).toEqual(before);
  });
});

describe("redis", () => {
  test("lost: everything that is pending is put in again, what is running is not", async () => {
    const names = ["a", "b", "c", "d"];
    const config = configOf(names.map((name) => policyOf(name, "schedule: { every: 1h }")).join(""));
    await tick(config);
    now = at("03:00:00");
    expect((await tick(config)).enqueued).toBe(4);
    await catalog.claimRun("backup/web1/a@20261122T030000Z", "w", { staleAfterMs });
    queue.jobs.clear();
    expect((await tick(config)).enqueued).toBe(3);
    expect([...queue.jobs.keys()]).not.toContain("backup/web1/a@20261122T030000Z");
  });

  test("away: slots are recorded all the same, and put in when it is back", async () => {
    await tick();
    queue.away = true;
    now = at("03:00:00");
    expect(await tick()).toEqual({ recorded: 1, skipped: 0, lost: 0, enqueued: undefined });
    queue.away = false;
    expect((await tick()).enqueued).toBe(1);
  });
});

describe("a worker that is lost", () => {
  test("gives its run to a new attempt at once, and fails it when none is left", async () => {
    await tick();
    now = at("03:00:00");
    await tick();
    const id = "backup/web1/web@20261122T030000Z";
    await catalog.claimRun(id, "first", { staleAfterMs });
    queue.jobs.clear();
    for (let second = 1; second <= 60; second++) {
      now += 1000;
      expect(await tick()).toMatchObject({ lost: 0, enqueued: 0 });
    }
    now += 1;
    expect(await tick()).toMatchObject({ lost: 1, enqueued: 1 });
    await expect(catalog.settleRun(id, 1, recordOf((await catalog.findRun(id))!, "passed"))).rejects.toMatchObject({
      code: "job-fenced",
    });
    expect(await catalog.claimRun(id, "second", { staleAfterMs })).toMatchObject({ claimed: true, attempt: 2 });
    now += staleAfterMs + 1;
    await someTicks();
    expect(await tick()).toMatchObject({ lost: 1 });
    expect((await catalog.findRun(id))?.record).toMatchObject({
      result: "failed",
      attempt: 2,
      cause: "its worker second fell silent in attempt 2, the last one",
      code: "worker-lost",
    });
    expect((await catalog.attemptsOf(id)).map(({ code }) => code)).toEqual(["worker-lost", "worker-lost"]);
  });

  test("is not one whose clock was set or whose machine slept: it beats again, and keeps its run", async () => {
    await tick();
    now = at("03:00:00");
    await tick();
    const id = "backup/web1/web@20261122T030000Z";
    await catalog.claimRun(id, "w", { staleAfterMs });
    for (const step of [600_000, -300_000, 8 * 3_600_000, -7_200_000]) {
      for (let second = 0; second < 30; second++) {
        now += second === 3 ? step : 1000;
        // in the seconds after the step it looks silent
        expect(await tick()).toMatchObject({ lost: 0 });
        if (second % 5 === 0) expect(await catalog.heartbeat(id, 1)).toBe(true);
      }
    }
    // and a worker that is gone is found by a scheduler that has just been started, under a clock that was set back too
    now -= 3 * 3_600_000;
    watches = newWatches();
    await someTicks();
    expect(await tick()).toMatchObject({ lost: 1 });
  });

  test("with a check in hand says nothing about the repository", async () => {
    const id = "check/main@20261122T020000Z";
    await catalog.recordPending({ id, kind: "check", object: "main", policy: null, slot: "2026-11-22T02:00:00Z" });
    await catalog.beat({ program: "scheduler", instance: "one" });
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(await catalog.claimRun(id, "w", { staleAfterMs })).toMatchObject({ claimed: true, attempt });
      now += staleAfterMs + 1;
      await someTicks();
      expect(await tick()).toMatchObject({ lost: 1 });
    }
    expect((await catalog.findRun(id))?.record).toMatchObject({ result: "failed", code: "worker-lost" });
    const { assets } = assessProtection(await collectProtection(catalog, web, now));
    expect(assets.map(({ state }) => state)).not.toContain("DAMAGED");
  });

  test("never begins a restore again by itself", async () => {
    const id = "restore/web1/web@20261122T020000.123Z-x7k2";
    await catalog.recordPending({
      id,
      kind: "restore",
      object: "web1/web",
      policy: "pweb",
      slot: "2026-11-22T02:00:00.123Z",
      byHand: true,
    });
    expect((await tick()).enqueued).toBe(1);
    await catalog.claimRun(id, "w", { staleAfterMs });
    now += staleAfterMs + 1;
    await someTicks();
    await tick();
    expect((await catalog.findRun(id))?.record?.result).toBe("failed");
  });

  test("a retry waits for its time", async () => {
    await tick();
    now = at("03:00:00");
    await tick();
    const id = "backup/web1/web@20261122T030000Z";
    await catalog.claimRun(id, "w", { staleAfterMs });
    queue.jobs.clear();
    await catalog.releaseRun(id, 1, { notBeforeMs: now + 60_000, cause: "connection refused", code: "host-unreachable" });
    now += 59_000;
    expect((await tick()).enqueued).toBe(0);
    now += 1000;
    expect((await tick()).enqueued).toBe(1);
  });
});

describe("what follows a backup", () => {
  const lines = "schedule: { every: 1h }\nreplicate: { to: [dr] }\nretention: { daily: 7 }";
  const config = configOf(policyOf("web", lines));
  const ids = async (kind: string) => (await rows()).map(({ id }) => id).filter((id) => id.startsWith(kind));

  test("is one replication for its slot and one forget for its day, also with two schedulers", async () => {
    await tick(config);
    for (const hour of ["03", "04"]) {
      now = at(`${hour}:00:00`);
      await tick(config);
      await work(`backup/web1/web@20261122T${hour}0000Z`);
      await Promise.all([tick(config), tick(config)]);
      for (const run of await catalog.openRuns()) await work(run.id);
      await tick(config);
    }
    expect(await ids("replicate")).toEqual(["replicate/web1/web@20261122T030000Z", "replicate/web1/web@20261122T040000Z"]);
    expect(await ids("forget")).toEqual(["forget/web1/web@20261122T000000Z"]);
  });

  test("goes on after a backup that ended under a clock years ahead", async () => {
    await tick(config);
    const hour = async (text: string, yearsAhead = 0) => {
      now = at(`${text}:00:00`);
      await tick(config);
      now += yearsAhead * 365 * 86_400_000;
      await work(`backup/web1/web@20261122T${text}0000Z`);
      now = at(`${text}:00:10`);
      await tick(config);
      for (const run of await catalog.openRuns()) await work(run.id);
    };
    await hour("03", 4);
    for (const text of ["04", "05"]) await hour(text);
    expect(await ids("replicate")).toEqual(["replicate/web1/web@20261122T040000Z", "replicate/web1/web@20261122T050000Z"]);
    expect(await ids("forget")).toEqual(["forget/web1/web@20261122T000000Z"]);
  });

  test("is asked for when a run was settled, else now and then alone, and again when it could not be recorded", async () => {
    let asked = 0;
    let failing = false;
    const counted: Catalog = {
      ...catalog,
      latestRuns(...filter) {
        asked++;
        if (failing) throw new Error("the disk is full");
        return catalog.latestRuns(...filter);
      },
    };
    const options = { config, catalog: counted, queue, logger: silentLogger, staleAfterMs, ...watches };
    for (let second = 0; second < 50; second++) {
      now += 1000;
      await reconcile(options, now);
    }
    expect(asked).toBe(2);
    now = at("03:00:00");
    await reconcile(options, now);
    expect(asked).toBe(2);
    await work("backup/web1/web@20261122T030000Z");
    failing = true;
    await expect(reconcile(options, now)).rejects.toThrow("the disk is full");
    failing = false;
    await reconcile(options, now);
    expect(asked).toBe(4);
    expect(await ids("replicate")).toEqual(["replicate/web1/web@20261122T030000Z"]);
    // a backup by hand that was over before the next round
    for (const run of await catalog.openRuns()) await work(run.id);
    await reconcile(options, now);
    const slot = new Date(now).toISOString();
    const run = { kind: "backup", object: "web1/web", policy: "pweb", slot, byHand: true } as const;
    await catalog.recordPending({ ...run, id: "backup/web1/web@20261122T030000.500Z-abcd" });
    now += 1000;
    await work("backup/web1/web@20261122T030000.500Z-abcd");
    for (let round = 0; round < 30; round++) await reconcile(options, now);
    expect(await ids("replicate")).toContain("replicate/web1/web@20261122T030000.500Z-abcd");
  });

  test("is nothing when the backup failed: retention is held", async () => {
    await tick(config);
    now = at("03:00:00");
    await tick(config);
    await work("backup/web1/web@20261122T030000Z", "failed");
    await tick(config);
    expect([...(await ids("replicate")), ...(await ids("forget"))]).toEqual([]);
  });

  test("a replication under way is waited for, then the newest backup is copied; one that failed is tried again an hour later", async () => {
    const manual = configOf(policyOf("web", lines.replace("every: 1h", "every: 365d")));
    const byHand = async (time: string) => {
      const id = `backup/web1/web@20261122T${time}.500Z-abcd`;
      await catalog.recordPending({
        id,
        kind: "backup",
        object: "web1/web",
        policy: "pweb",
        slot: new Date(now).toISOString(),
        byHand: true,
      });
      await work(id);
    };
    await byHand("020000");
    await tick(manual);
    now += 60_000;
    await byHand("020100");
    await tick(manual);
    const first = "replicate/web1/web@20261122T020000.500Z-abcd";
    expect(await ids("replicate")).toEqual([first]);
    await work(first);
    await tick(manual);
    const second = "replicate/web1/web@20261122T020100.500Z-abcd";
    expect((await ids("replicate")).sort()).toEqual([first, second]);
    await work(second, "failed");
    now += 3_599_000;
    await tick(manual);
    expect(await ids("replicate")).toHaveLength(2);
    now += 1000;
    for (let round = 0; round < 31; round++) await tick(manual);
    expect((await ids("replicate")).sort()).toEqual([first, second, "replicate/web1/web@20261122T030000Z"].sort());
  });
});
