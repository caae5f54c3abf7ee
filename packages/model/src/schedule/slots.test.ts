import { Cron } from "croner";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { CompiledSchedule } from "../config/compiled-config.ts";
import { parseCron } from "./cron.ts";
import { jitterMs } from "./jitter.ts";
import { lastSlot, nextSlot, slotsBetween } from "./slots.ts";
import { formatWithOffset, isTimeZone } from "./time-zone.ts";
import { worstGapSeconds } from "./worst-gap.ts";

const berlin = "Europe/Berlin";
const cron = (expression: string, timezone = berlin, jitterSeconds = 0): CompiledSchedule => ({
  when: { kind: "cron", expression, timezone },
  jitterSeconds,
  catchUp: "once",
});
const every = (seconds: number, jitterSeconds = 0): CompiledSchedule => ({
  when: { kind: "every", seconds, timezone: berlin },
  jitterSeconds,
  catchUp: "once",
});
const at = (text: string) => Date.parse(text);
const local = (slots: number[]) => slots.map((slot) => formatWithOffset(slot, berlin).replace(":00+", "+"));

test.each([
  // Spring: 02:00 +01 becomes 03:00 +02 on 29 March 2026 (01:00Z).
  ["30 2 * * *", "2026-03-28T12:00Z", "2026-03-30T12:00Z", ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]],
  ["15,45 2 * * *", "2026-03-28T12:00Z", "2026-03-29T12:00Z", ["2026-03-29T03:00+02:00"]],
  ["0 2,3 * * *", "2026-03-28T12:00Z", "2026-03-29T12:00Z", ["2026-03-29T03:00+02:00"]],
  ["*/20 2 * * *", "2026-03-28T12:00Z", "2026-03-29T12:00Z", ["2026-03-29T03:00+02:00"]],
  [
    "0 */2 * * *",
    "2026-03-28T22:30Z",
    "2026-03-29T03:00Z",
    ["2026-03-29T00:00+01:00", "2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"],
  ],
  [
    "5,35 * * * *",
    "2026-03-29T00:00Z",
    "2026-03-29T01:40Z",
    [
      "2026-03-29T01:05+01:00",
      "2026-03-29T01:35+01:00",
      "2026-03-29T03:00+02:00",
      "2026-03-29T03:05+02:00",
      "2026-03-29T03:35+02:00",
    ],
  ],
  // Autumn: 03:00 +02 becomes 02:00 +01 on 25 October 2026 (01:00Z).
  ["30 2 * * *", "2026-10-24T12:00Z", "2026-10-26T12:00Z", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]],
  [
    "0 2-4 * * *",
    "2026-10-24T12:00Z",
    "2026-10-25T12:00Z",
    ["2026-10-25T02:00+02:00", "2026-10-25T03:00+01:00", "2026-10-25T04:00+01:00"],
  ],
  [
    "0 * * * *",
    "2026-10-24T23:30Z",
    "2026-10-25T02:30Z",
    ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"],
  ],
])("clock change: %s from %s", (expression, after, until, wanted) => {
  expect(local(slotsBetween(cron(expression), "p", at(after), at(until)))).toEqual(wanted);
});

test("without clock changes the slots are those of an independent cron library", () => {
  const field = (low: number, high: number) =>
    fc.oneof(
      fc.constant("*"),
      fc.integer({ min: 2, max: high }).map((n) => `*/${n}`),
      fc.integer({ min: low, max: high }).map(String),
      fc
        .tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
        .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    );
  const days = fc.oneof(
    field(1, 28).map((day) => `${day} * *`),
    field(0, 6).map((day) => `* * ${day}`),
    fc.integer({ min: 1, max: 12 }).map((month) => `1,15 ${month} *`),
  );
  const expressions = fc.tuple(field(0, 59), field(0, 23), days).map((parts) => parts.join(" "));
  const from = at("2026-11-22T02:00Z");
  fc.assert(
    fc.property(expressions, fc.constantFrom("UTC", "Asia/Kolkata", "Asia/Tokyo"), (expression, timezone) => {
      const oracle = new Cron(expression, { paused: true, timezone, mode: "5-part" });
      const wanted = oracle.nextRuns(5, new Date(from)).map((date) => date.getTime());
      const until = wanted.at(-1) ?? from;
      expect(slotsBetween(cron(expression, timezone), "p", from, until)).toEqual(wanted);
      expect(nextSlot(cron(expression, timezone), "p", from)).toBe(wanted[0]);
      expect(lastSlot(cron(expression, timezone), "p", from, until)).toBe(wanted.at(-1));
    }),
    { numRuns: 60 },
  );
});

test("every: slots are multiples since 1970, so that they can be computed again", () => {
  const from = at("2026-11-22T02:00:03Z");
  const slots = slotsBetween(every(10), "p", from, from + 30_000);
  expect(slots.map((slot) => new Date(slot).toISOString().slice(17, 19))).toEqual(["10", "20", "30"]);
  expect(slotsBetween(every(10), "p", slots[0]!, slots[2]!)).toEqual(slots.slice(1));
  expect(slotsBetween(every(10), "p", from, from - 30_000)).toEqual([]);
  expect(slotsBetween(every(1), "p", 0, 1e12, { limit: 3 })).toEqual([1000, 2000, 3000]);
});

test("the jitter is fixed by the name, whole seconds and bounded", () => {
  const shifts = new Set(["web", "shop", "crm", "files", "mail", "dns"].map((name) => jitterMs(name, 1200)));
  expect(shifts.size).toBeGreaterThan(3);
  for (const shift of shifts) expect(shift % 1000 === 0 && shift >= 0 && shift <= 1_200_000).toBe(true);
  // This figure must never change: slots of recorded runs are computed again from it.
  expect(jitterMs("web", 1200)).toBe(jitterWeb);
  const plain = slotsBetween(cron("0 1 * * *"), "web", 0, 10 * 86_400_000);
  expect(slotsBetween(cron("0 1 * * *", berlin, 1200), "web", jitterWeb, 10 * 86_400_000 + jitterWeb)).toEqual(
    plain.map((slot) => slot + jitterWeb),
  );
});
const jitterWeb = 279_000;

test.each([
  ["0 1 * * *", 25 * 3600],
  ["0 */2 * * *", 2 * 3600],
  ["5,35 * * * *", 1800],
  ["0 8-18 * * 1-5", 62 * 3600],
  ["0 5 1 * *", 31 * 86_400],
  ["0 0 1 1 *", 365 * 86_400],
])("the longest gap of %s, clock changes included", (expression, wanted) => {
  const gap = worstGapSeconds(cron(expression), at("2026-11-22T02:00Z"))!;
  // A month or a year with the change in it is an hour longer or shorter; 1 Jan 2029 follows a leap year.
  const slack = wanted > 20 * 86_400 ? 86_400 : wanted === 62 * 3600 ? 3600 : 0;
  expect(gap).toBeGreaterThanOrEqual(wanted);
  expect(gap).toBeLessThanOrEqual(wanted + slack);
});

test("a year of one-minute slots is no burden for the longest gap", () => {
  expect(worstGapSeconds(cron("* * * * *"), 0)).toBe(60);
  expect(worstGapSeconds(every(90), 0)).toBe(90);
});

test("29 February comes", () => {
  expect(local([nextSlot(cron("0 12 29 2 *"), "p", at("2026-11-22T02:00Z"))!])).toEqual(["2028-02-29T12:00+01:00"]);
});

test.each([
  ["* * * *", /five fields/],
  ["0 0 1 * 1", /two policies/],
  ["0 0 31 2 *", /never comes/],
  ["61 * * * *", /not understood/],
  ["0 0 L * *", /not understood/],
  ["@daily", /five fields/],
  ["0 0 * * MON#1", /not understood/],
  ["*/0 * * * *", /not understood/],
  [`${"0,".repeat(5000)}0 * * * *`, /five fields|not understood/],
])("cron %s is refused", (expression, reason) => {
  expect(parseCron(expression)).toEqual({ problem: expect.stringMatching(reason) });
});

test("weekdays by name and Sunday as 7", () => {
  expect(local(slotsBetween(cron("0 6 * * SAT"), "p", at("2026-11-22T02:00Z"), at("2026-11-29T00:00Z")))).toEqual([
    "2026-11-28T06:00+01:00",
  ]);
  expect(slotsBetween(cron("0 6 * * 7"), "p", 0, 1e11)).toEqual(slotsBetween(cron("0 6 * * 0"), "p", 0, 1e11));
});

test("zones and offsets", () => {
  expect(formatWithOffset(at("2026-07-01T12:00:00.250Z"), berlin)).toBe("2026-07-01T14:00:00.25+02:00");
  expect(formatWithOffset(at("2026-11-22T02:00Z"), "UTC")).toBe("2026-11-22T02:00:00+00:00");
  expect(formatWithOffset(at("2026-11-22T02:00Z"), "America/St_Johns")).toBe("2026-11-21T22:30:00-03:30");
  expect(["Europe/Berlin", "UTC", "Etc/GMT+1"].every(isTimeZone)).toBe(true);
  expect(["Europe/Berln", "+02:00", "", "../etc"].some(isTimeZone)).toBe(false);
});
