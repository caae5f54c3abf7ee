import fc from "fast-check";
import { expect, test } from "vitest";
import type { CompiledRetention } from "../config/compiled-config.ts";
import { selectRetention } from "./select-retention.ts";

const none: CompiledRetention = { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0, withinSeconds: 0 };
const now = Date.parse("2026-11-22T12:00:00Z");
const at = (...times: string[]) => times.map((time) => ({ id: time, time }));
const kept = (times: string[], rule: Partial<CompiledRetention>) =>
  Object.fromEntries(
    selectRetention(at(...times), { ...none, ...rule }, now).keep.map(({ snapshot, reasons }) => [
      snapshot.id,
      reasons.join(", "),
    ]),
  );

test("the newest of each bucket stays and counts are used up", () => {
  const times = [
    "2026-11-22T01:00:00Z",
    "2026-11-22T09:00:00Z",
    "2026-11-21T01:00:00Z",
    "2026-11-21T23:00:00Z",
    "2026-11-20T01:00:00Z",
  ];
  expect(kept(times, { daily: 2 })).toEqual({
    "2026-11-22T09:00:00Z": "daily snapshot",
    "2026-11-21T23:00:00Z": "daily snapshot",
  });
});

test("one snapshot serves several counters and says so", () => {
  expect(kept(["2026-11-22T09:00:00Z", "2026-11-15T09:00:00Z"], { last: 1, daily: 1, weekly: 2 })).toEqual({
    "2026-11-22T09:00:00Z": "last snapshot, daily snapshot, weekly snapshot",
    "2026-11-15T09:00:00Z": "weekly snapshot",
  });
});

test("the oldest stays while counts are left", () => {
  expect(kept(["2026-11-22T09:00:00Z", "2026-11-21T09:00:00Z", "2026-11-21T01:00:00Z"], { daily: 5 })).toEqual({
    "2026-11-22T09:00:00Z": "daily snapshot",
    "2026-11-21T09:00:00Z": "daily snapshot",
    "2026-11-21T01:00:00Z": "oldest daily snapshot",
  });
});

test("a day is the day of the stored offset", () => {
  // 23:30Z on the 21st is the 22nd in Berlin.
  expect(
    Object.keys(kept(["2026-11-22T00:30:00+01:00", "2026-11-22T09:00:00+01:00", "2026-11-20T09:00:00+01:00"], { daily: 1 })),
  ).toEqual(["2026-11-22T09:00:00+01:00"]);
  expect(Object.keys(kept(["2026-11-21T23:30:00Z", "2026-11-22T09:00:00Z", "2026-11-20T09:00:00Z"], { daily: 2 }))).toHaveLength(
    2,
  );
});

test("weeks are ISO weeks of ISO years", () => {
  // 2026-12-31 to 2027-01-03 are week 53 of 2026.
  const later = Date.parse("2027-02-01T00:00:00Z");
  const { keep, remove } = selectRetention(
    at("2027-01-04T09:00:00Z", "2027-01-03T09:00:00Z", "2026-12-31T09:00:00Z", "2026-12-21T09:00:00Z"),
    { ...none, weekly: 2 },
    later,
  );
  expect(keep.map(({ snapshot }) => snapshot.id)).toEqual(["2027-01-04T09:00:00Z", "2027-01-03T09:00:00Z"]);
  expect(remove.map(({ id }) => id)).toEqual(["2026-12-31T09:00:00Z", "2026-12-21T09:00:00Z"]);
});

test("within counts from the newest snapshot that is not in the future", () => {
  const rule = { withinSeconds: 7 * 86_400 };
  expect(kept(["2026-01-10T09:00:00Z", "2026-01-03T09:00:00Z", "2026-01-03T09:00:00.000001Z"], rule)).toEqual({
    "2026-01-10T09:00:00Z": "within 7d",
    "2026-01-03T09:00:00.000001Z": "within 7d",
  });
  expect(Object.keys(kept(["2030-01-01T00:00:00Z", "2026-11-22T09:00:00Z", "2026-11-16T09:00:00Z"], rule))).toHaveLength(3);
});

test("-1 keeps every bucket", () => {
  expect(
    Object.keys(
      kept(["2026-11-22T09:00:00Z", "2025-11-22T09:00:00Z", "2024-11-22T09:00:00Z", "2024-11-21T09:00:00Z"], { yearly: -1 }),
    ),
  ).toHaveLength(4);
});

test("a rule that keeps nothing removes nothing", () => {
  expect(() => selectRetention(at("2026-11-22T09:00:00Z"), none, now)).toThrow(/keeps nothing/);
});

test("a time that cannot be read stops everything", () => {
  expect(() => selectRetention(at("2026-11-22T09:00:00Z", "yesterday"), { ...none, daily: 1 }, now)).toThrow(/yesterday/);
});

test("whatever the rule, the newest stays and every snapshot is either kept or removed", () => {
  const count = fc.constantFrom(-1, 0, 0, 1, 2, 7);
  const rules = fc.record({
    last: count,
    hourly: count,
    daily: count,
    weekly: count,
    monthly: count,
    yearly: count,
    withinSeconds: fc.constantFrom(0, 3600, 86_400 * 30),
  });
  const times = fc.array(fc.integer({ min: now - 86_400_000 * 900, max: now }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(rules, times, (rule, list) => {
      fc.pre(Object.values(rule).some((value) => value !== 0));
      const snapshots = list.map((ms, index) => ({ id: `${index}`, time: new Date(ms).toISOString() }));
      const { keep, remove } = selectRetention(snapshots, rule, now);
      expect(new Set([...keep.map(({ snapshot }) => snapshot.id), ...remove.map(({ id }) => id)]).size).toBe(list.length);
      expect(keep.length + remove.length).toBe(list.length);
      expect(Date.parse(keep[0]!.snapshot.time)).toBe(Math.max(...list));
      expect(keep.every(({ reasons }) => reasons.length > 0)).toBe(true);
    }),
  );
});

test("a pinned one stays under any rule, and counts as restic's --keep-tag does", () => {
  const [newest, older, oldest] = at("2026-11-22T09:00:00Z", "2026-11-22T08:00:00Z", "2026-11-20T09:00:00Z");
  const choice = selectRetention([newest!, { ...older!, tags: ["pin"] }, oldest!], { ...none, last: 1 }, now);
  expect(choice.keep.map(({ reasons }) => reasons)).toEqual([["last snapshot"], ["pinned"]]);
  expect(choice.remove).toEqual([oldest]);
});
