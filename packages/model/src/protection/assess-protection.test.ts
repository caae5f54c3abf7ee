import { expect, test } from "vitest";
import type { CompiledAsset, CompiledConfig, CompiledDrill, CompiledPolicy } from "../config/compiled-config.ts";
import type { RunKind, RunRecord, RunResult } from "../run/run.ts";
import { assessProtection } from "./assess-protection.ts";
import type { GoodCopy, ProtectionInput, RestoreProof } from "./protection.ts";
import { protectionJson } from "./protection-json.ts";

const hourMs = 3_600_000;
const now = Date.UTC(2026, 10, 21, 8, 14); // 09:14 in Berlin
const objectives = {
  rpoSeconds: 26 * 3600,
  rpoOffsiteSeconds: 40 * 3600,
  rtoSeconds: 7200,
  verifyEverySeconds: 7 * 86400,
  drillEverySeconds: 30 * 86400,
};

test("an asset that keeps every promise is ok, and only then the verdict is good", () => {
  const protection = assess({});
  expect(protection.assets).toMatchObject([{ asset: "db1/shop", level: "good", state: "ok", why: "", next: undefined }]);
  expect(protection).toMatchObject({
    level: "good",
    sentence: "Protected: 1 of 1 recoverable to within RPO, 1 of 1 at a second site in time, 1 of 1 proven by a restore.",
    attention: [],
  });
});

test("a copy exactly as old as the RPO is in time, one second more is late, and the cause is that of the last failed run", () => {
  expect(
    state({ copies: [copy(26), copy(1, "s3-dr")].map((one) => (one.repository === "s3-dr" ? copy(26, "s3-dr") : one)) }),
  ).toBe("ok");
  const late = assess({
    copies: [{ ...copy(26), timeMs: now - 26 * hourMs - 1000 }],
    runs: [
      check(1),
      run("backup", "db1/shop", "failed", 9, { cause: "access denied for 'backup'", code: "database-login-refused" }),
    ],
  });
  expect(late.assets[0]).toMatchObject({ level: "bad", state: "LATE", next: "lifeboat doctor db1" });
  expect(late.assets[0]?.why).toContain("late by 1s; last backup failed: access denied for 'backup'");
  expect(late.sentence).toBe("Not fully protected: 1 of 1 asset is beyond its RPO.");
});

test("the second site's copy is a usable copy too, but a copy in a damaged repository is none", () => {
  const damaged = run("check", "s3-main", "failed", 1, { cause: "pack 12ab is missing", code: "repository-damaged" });
  const elsewhere = assess({ copies: [copy(1), copy(3, "s3-dr")], runs: [damaged, run("check", "s3-main", "passed", 30)] });
  expect(elsewhere.assets[0]).toMatchObject({ level: "bad", state: "DAMAGED", lastGood: { repository: "s3-dr" } });
  expect(elsewhere.assets[0]?.rpo).toMatchObject({ verdict: "met", ageSeconds: 3 * 3600 });
  const nowhere = assess({ copies: [copy(1)], runs: [damaged] }).assets[0];
  expect(nowhere).toMatchObject({ level: "bad", state: "DAMAGED", lastGood: undefined, rpo: { verdict: "never" } });
  expect(nowhere?.why).toContain("pack 12ab is missing");
  expect(state({ runs: [damaged, run("check", "s3-main", "passed", 0.5), passedBackup] })).toBe("ok");
});

test("a check takes back only what it would have seen: damage of data needs one that read all of it", () => {
  const figures = (read: number, more: Record<string, number> = {}) => ({ figures: { packs: 7, packs_read: read, ...more } });
  const code = { code: "repository-damaged", cause: "pack 12ab: blob 5 is damaged" };
  const found = run("check", "s3-main", "failed", 9, { ...code, ...figures(7, { data_errors: 1 }) });
  const after = (...checks: RunRecord[]) => assess({ runs: [passedBackup, found, ...checks] }).assets[0];
  const passed = (hoursAgo: number, read: number, more: Record<string, number> = {}) =>
    run("check", "s3-main", "passed", hoursAgo, figures(read, more));
  const damaged = { level: "bad", state: "DAMAGED", next: "lifeboat repo check --repo s3-main --read-data" };
  expect(after(passed(12, 7))).toMatchObject(damaged);
  expect(after(passed(3, 0))).toMatchObject(damaged);
  expect(after(passed(3, 1), passed(2, 6))).toMatchObject(damaged);
  expect(after(passed(3, 7, { with_cache: 1 }))).toMatchObject(damaged);
  // An old record does not say whether all was read.
  expect(after(run("check", "s3-main", "passed", 3, { figures: { packs: 7, bytes_read: 99 } }))).toMatchObject(damaged);
  expect(after(passed(3, 7), passed(2, 0))).toMatchObject({ state: "ok" });
  const structure = run("check", "s3-main", "failed", 9, { ...code, ...figures(7, { data_errors: 0 }) });
  const ofStructure = (...checks: RunRecord[]) => assess({ runs: [passedBackup, structure, ...checks] }).assets[0];
  expect(ofStructure()).toMatchObject({ state: "DAMAGED", next: "lifeboat repo check --repo s3-main" });
  expect(ofStructure(passed(2, 0, { with_cache: 1 }))).toMatchObject({ state: "DAMAGED" });
  expect(ofStructure(passed(2, 0))).toMatchObject({ state: "ok" });
  const old = (read: number) => run("check", "s3-main", "failed", 9, { ...code, figures: { packs: 7, bytes_read: read } });
  expect(state({ runs: [passedBackup, old(99), passed(2, 0)] })).toBe("DAMAGED");
  expect(state({ runs: [passedBackup, old(0), passed(2, 0)] })).toBe("ok");
});

test("what ended under a wrong clock hides nothing that came after it", () => {
  const years = -4 * 365 * 24;
  const damage = run("check", "s3-main", "failed", 1, { cause: "pack 12ab is missing", code: "repository-damaged" });
  expect(state({ runs: [passedBackup, run("check", "s3-main", "passed", years), damage] })).toBe("DAMAGED");
  // That alone is no proof that the repository was checked.
  expect(state({ runs: [passedBackup, run("check", "s3-main", "passed", years)] })).toBe("NOT CHECKED");
  const failed = run("backup", "db1/shop", "failed", 1, { cause: "no route to host" });
  expect(assess({ runs: [check(1), failed, run("backup", "db1/shop", "passed", years)] }).assets[0]?.lastBackup).toEqual(failed);
  const then = { ...damage, ended: new Date(now - years * hourMs).toISOString() };
  expect(state({ runs: [passedBackup, then] })).toBe("DAMAGED");
  expect(state({ runs: [passedBackup, then, check(1)] })).toBe("ok");
  expect(state({ proofs: [proof(years), proof(2, "failed")] })).toBe("UNPROVEN");
  expect(state({ proofs: [proof(years)] })).toBe("UNPROVEN");
  expect(state({ proofs: [proof(years), proof(2)] })).toBe("ok");
});

test("a check that could not look is no damage, but does not refresh the last check either", () => {
  const refused = run("check", "s3-main", "failed", 1, { cause: "access denied", code: "store-refused" });
  expect(state({ runs: [refused, check(24)] })).toBe("ok");
  expect(state({ runs: [refused, check(8 * 24)] })).toBe("NOT CHECKED");
  expect(state({ runs: [passedBackup] })).toBe("NOT CHECKED");
  // Its worker died each time, so nobody gave it a code.
  const killed = run("check", "s3-main", "failed", 1, { cause: "its worker did not answer, three times" });
  expect(state({ runs: [killed, check(24)] })).toBe("ok");
  expect(state({ runs: [killed, check(8 * 24)] })).toBe("NOT CHECKED");
});

test("a new asset is grey; one that only ever failed, or whose snapshots are gone, has no copy", () => {
  const fresh = assess({ copies: [], runs: [], proofs: [] });
  expect(fresh.assets[0]).toMatchObject({ level: "unknown", state: "NEW", next: "lifeboat backup run shop --host db1" });
  expect(fresh.level).toBe("unknown");
  expect(fresh.counts.withinRpo).toEqual({ good: 0, of: 1 });
  const failed = assess({ copies: [], runs: [run("backup", "db1/shop", "incomplete", 2, { cause: "3 files unreadable" })] });
  expect(failed.assets[0]).toMatchObject({ level: "bad", state: "NO COPY" });
  expect(failed.assets[0]?.why).toContain("incomplete: 3 files unreadable");
  expect(state({ copies: [], runs: [passedBackup] })).toBe("NO COPY");
});

test("without the promised copy at a second site it is not protected, also when the policy names none", () => {
  expect(assess({ copies: [copy(1)] }).assets[0]).toMatchObject({
    level: "warning",
    state: "SECOND SITE LATE",
    why: "no copy at s3-dr yet",
  });
  expect(state({ copies: [copy(1), copy(41, "s3-dr")] })).toBe("SECOND SITE LATE");
  expect(state({ copies: [copy(1)], policy: { replicate: { to: [], maxLagSeconds: undefined } } })).toBe("SECOND SITE LATE");
  const byLag = {
    replicate: { to: ["s3-dr"], maxLagSeconds: 3600 },
    objectives: { ...objectives, rpoOffsiteSeconds: undefined },
  };
  expect(state({ copies: [copy(1), copy(27, "s3-dr")], policy: byLag })).toBe("ok");
  expect(state({ copies: [copy(1), copy(27.1, "s3-dr")], policy: byLag })).toBe("SECOND SITE LATE");
});

test("of several second sites the one that is furthest behind is judged, and named", () => {
  const policy = { replicate: { to: ["s3-dr", "tape"], maxLagSeconds: undefined } };
  const with2 = (...copies: GoodCopy[]) => assess({ policy, copies: [copy(1), ...copies] });
  const none = with2(copy(2, "s3-dr"));
  expect(none.assets[0]).toMatchObject({ state: "SECOND SITE LATE", why: "no copy at tape yet" });
  expect(none.counts.secondSite).toEqual({ good: 0, of: 1 });
  expect(with2(copy(2, "s3-dr"), copy(41, "tape")).assets[0]?.why).toContain("second site tape is 41h behind");
  expect(with2(copy(2, "s3-dr"), copy(-2, "tape")).assets[0]?.why).toContain("the copy at tape is dated in the future");
  expect(with2(copy(2, "s3-dr"), copy(39, "tape")).assets[0]).toMatchObject({
    state: "ok",
    secondSite: { ageSeconds: 39 * 3600 },
  });
});

test("a copy in a repository that its policy does not name is none, not even as a second site", () => {
  const moved = { repository: "s3-new" };
  const damage = run("check", "s3-main", "failed", 1, { cause: "pack 12ab is missing", code: "repository-damaged" });
  const runs = [passedBackup, run("check", "s3-new", "passed", 1), damage];
  expect(assess({ policy: moved, copies: [copy(1)], runs }).assets[0]).toMatchObject({
    level: "bad",
    state: "NO COPY",
    lastGood: undefined,
    why: "no copy in s3-new or s3-dr; copies in s3-main do not count, since its policy does not name it",
  });
  const alone = { ...moved, replicate: { to: [], maxLagSeconds: undefined } };
  expect(state({ policy: alone, copies: [copy(1, "s3-new"), copy(1)], runs })).toBe("SECOND SITE LATE");
  expect(state({ policy: moved, copies: [copy(1, "s3-new"), copy(1, "s3-dr")], runs })).toBe("ok");
});

test("a proof grows old, is undone by a failed drill and not renewed by an inconclusive one", () => {
  expect(state({ proofs: [] })).toBe("UNPROVEN");
  expect(state({ proofs: [proof(31 * 24)] })).toBe("UNPROVEN");
  expect(state({ proofs: [proof(48), proof(2, "failed")] })).toBe("UNPROVEN");
  expect(state({ proofs: [proof(48, "failed"), proof(2)] })).toBe("ok");
  expect(state({ proofs: [proof(48), proof(2, "inconclusive")] })).toBe("ok");
  expect(state({ proofs: [proof(31 * 24), proof(2, "inconclusive")] })).toBe("UNPROVEN");
  expect(state({ proofs: [{ ...proof(2), rtaSeconds: 7201 }] })).toBe("TOO SLOW");
});

test("what could not be read is unknown, never green: it may be the newest copy or the check that failed", () => {
  const unread = (...names: string[]) => ({ unread: new Map(names.map((name) => [name, "access denied"])) });
  expect(assess(unread("s3-main")).assets[0]).toMatchObject({
    level: "unknown",
    state: "UNKNOWN",
    why: "repository s3-main: access denied",
  });
  expect(assess({ ...unread("s3-dr"), copies: [] }).level).toBe("unknown");
  expect(assess(unread("elsewhere")).level).toBe("good");
  const damage = run("check", "s3-main", "failed", 1, { cause: "pack 12ab is missing", code: "repository-damaged" });
  expect(state({ ...unread("s3-dr"), copies: [], runs: [damage] })).toBe("DAMAGED");
});

test("nothing is green by default: without objectives, without assets, with a copy from the future", () => {
  const none = {
    rpoSeconds: undefined,
    rpoOffsiteSeconds: undefined,
    rtoSeconds: undefined,
    verifyEverySeconds: undefined,
    drillEverySeconds: undefined,
  };
  expect(assess({ policy: { objectives: none } }).assets[0]).toMatchObject({ level: "unknown", state: "NO OBJECTIVE" });
  expect(assess({ copies: [copy(-1), copy(2, "s3-dr")] }).assets[0]).toMatchObject({ level: "unknown", state: "UNKNOWN" });
  const empty = assessProtection({ ...input({}), config: { ...input({}).config, assets: new Map() } });
  expect(empty).toMatchObject({ level: "unknown", sentence: "Nothing is protected: the configuration names no asset." });
});

test("a last backup that was not passed is said, while the asset is still within its objectives", () => {
  const protection = assess({ runs: [check(1), run("backup", "db1/shop", "incomplete", 1, { cause: "3 files unreadable" })] });
  expect(protection).toMatchObject({
    level: "good",
    attention: [{ level: "good", why: "last backup incomplete: 3 files unreadable" }],
  });
  const skipped = assess({
    runs: [check(1), passedBackup, run("backup", "db1/shop", "skipped", 0.1, { cause: "still running" })],
  });
  expect(skipped.attention).toEqual([]);
});

test("a silent scheduler takes the verdict away, whatever the assets say", () => {
  const beat = (agoMs: number) => assess({ schedulerBeatMs: now - agoMs });
  expect(beat(120_000)).toMatchObject({ level: "good", scheduler: { state: "live" } });
  expect(beat(120_001)).toMatchObject({ level: "good", scheduler: { state: "late" } });
  expect(beat(600_000)).toMatchObject({ level: "good", scheduler: { state: "late" } });
  expect(beat(600_001)).toMatchObject({
    level: "unknown",
    sentence: "Unknown since 09:03: the scheduler has not reported since then.",
  });
  expect(beat(24 * hourMs).sentence).toBe("Unknown since 2026-11-20 09:14: the scheduler has not reported since then.");
  expect(beat(-hourMs)).toMatchObject({ level: "unknown", scheduler: { state: "silent" } });
  expect(assess({ schedulerBeatMs: null }).sentence).toBe("Unknown: no scheduler has ever reported here.");
});

test("as data it is the same verdict, and what is not known is null", () => {
  const data = protectionJson(assess({ copies: [], runs: [], proofs: [], schedulerBeatMs: null }));
  expect(data).toMatchObject({ schema: "lifeboat.status/1", level: "unknown", as_of: "2026-11-21T08:14:00.000Z" });
  expect(data.scheduler).toEqual({ state: "silent", last_beat: null });
  expect(data.assets[0]).toMatchObject({
    state: "NEW",
    last_good: null,
    rpo: { verdict: "never", age_s: null, objective_s: 93_600 },
  });
  expect(JSON.parse(JSON.stringify(data))).toEqual(data);
});

test("of many the worst comes first, each is counted once, and the sentence has the whole as denominator", () => {
  const names = ["web1/etc", "web1/uploads", "db1/shop", "db2/crm"];
  const base = input({});
  const assets = new Map(names.map((name) => [name, { ...asset, name, host: name.split("/")[0]! }]));
  const protection = assessProtection({
    ...base,
    config: { ...base.config, assets },
    copies: [
      ...names.slice(0, 3).flatMap((name) => [
        { ...copy(1), asset: name },
        { ...copy(2, "s3-dr"), asset: name },
      ]),
      { ...copy(35), asset: "db2/crm" },
      { ...copy(35, "s3-dr"), asset: "db2/crm" },
    ],
    proofs: ["web1/etc", "db1/shop", "db2/crm"].map((name) => ({ ...proof(2), asset: name })),
  });
  expect(protection.sentence).toBe(
    "Not fully protected: 1 of 4 assets is beyond its RPO and 1 was not proven by a restore in time.",
  );
  expect(protection.attention.map((one) => one.asset)).toEqual(["db2/crm", "web1/uploads"]);
  expect(protection.counts).toEqual({
    assets: { good: 2, of: 4 },
    withinRpo: { good: 3, of: 4 },
    secondSite: { good: 4, of: 4 },
    checked: { good: 4, of: 4 },
    proven: { good: 3, of: 4 },
  });
});

const asset: CompiledAsset = {
  name: "db1/shop",
  host: "db1",
  policy: "shop",
  source: {
    type: "files",
    name: "shop",
    paths: [],
    exclude: [],
    oneFilesystem: false,
    guards: { minBytes: undefined, maxShrinkRatio: undefined, maxUnreadable: undefined },
  },
};
const passedBackup = run("backup", "db1/shop", "passed", 1);

interface Change {
  readonly policy?: Partial<CompiledPolicy>;
  readonly copies?: readonly GoodCopy[];
  readonly runs?: readonly RunRecord[];
  readonly proofs?: readonly RestoreProof[];
  readonly schedulerBeatMs?: number | null;
  readonly unread?: ReadonlyMap<string, string>;
}

function input({ policy, copies, runs, proofs, schedulerBeatMs = now, unread }: Change): ProtectionInput {
  const fullPolicy: CompiledPolicy = {
    name: "shop",
    hosts: ["db1"],
    owner: "dba@acme.example",
    tier: 1,
    repository: "s3-main",
    replicate: { to: ["s3-dr"], maxLagSeconds: undefined },
    schedule: { when: { kind: "every", seconds: 3600, timezone: "UTC" }, jitterSeconds: 0, catchUp: "once" },
    retention: undefined,
    objectives,
    timeoutSeconds: 3600,
    retry: { attempts: 1, backoffSeconds: 1, maxSeconds: 1 },
    assets: ["db1/shop"],
    ...policy,
  };
  const config: Pick<CompiledConfig, "assets" | "policies" | "drills" | "company"> = {
    company: { name: "Acme", timezone: "Europe/Berlin" },
    assets: new Map([[asset.name, asset]]),
    policies: new Map([["shop", fullPolicy]]),
    drills: new Map<string, CompiledDrill>(),
  };
  return {
    nowMs: now,
    config,
    copies: copies ?? [copy(1), copy(2, "s3-dr")],
    runs: runs ?? [passedBackup, check(24)],
    proofs: proofs ?? [proof(48)],
    schedulerBeatMs,
    ...(unread !== undefined && { unread }),
  };
}

function assess(change: Change) {
  return assessProtection(input(change));
}

function state(change: Change): string | undefined {
  return assess(change).assets[0]?.state;
}

function copy(hoursAgo: number, repository = "s3-main"): GoodCopy {
  return { repository, asset: "db1/shop", timeMs: now - hoursAgo * hourMs, snapshot: "ab".repeat(32) };
}

function proof(hoursAgo: number, outcome: RestoreProof["outcome"] = "proven"): RestoreProof {
  return {
    asset: "db1/shop",
    drill: "shop-weekly",
    runId: "drill/shop-weekly@20261121T060000Z",
    declaredMs: now - hoursAgo * hourMs,
    outcome,
    rtaSeconds: 2220,
  };
}

function check(hoursAgo: number): RunRecord {
  return run("check", "s3-main", "passed", hoursAgo);
}

function run(kind: RunKind, object: string, result: RunResult, hoursAgo: number, more: Partial<RunRecord> = {}): RunRecord {
  const ended = new Date(now - hoursAgo * hourMs).toISOString();
  return {
    schema: "lifeboat.run/1",
    id: `${kind}/${object}@${hoursAgo}`,
    kind,
    object,
    policy: null,
    slot: ended,
    started: ended,
    ended,
    result,
    attempt: 1,
    cause: null,
    code: null,
    repository: null,
    snapshot: null,
    figures: {},
    problems: [],
    problemCount: 0,
    ...more,
  };
}
