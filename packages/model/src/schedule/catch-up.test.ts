import { expect, test } from "vitest";
import type { CompiledSchedule } from "../config/compiled-config.ts";
import { catchUpSlots } from "./catch-up.ts";
import { slotsBetween } from "./slots.ts";

const hourly = (catchUp: "once" | "skip"): CompiledSchedule => ({
  when: { kind: "cron", expression: "0 * * * *", timezone: "UTC" },
  jitterSeconds: 0,
  catchUp,
});
const fast: CompiledSchedule = { when: { kind: "every", seconds: 5, timezone: "UTC" }, jitterSeconds: 0, catchUp: "once" };
const at = (text: string) => Date.parse(`2026-11-22T${text}Z`);

test("a slot that is due now runs", () => {
  expect(catchUpSlots(hourly("skip"), "p", { lastRecordedMs: at("01:00:00"), nowMs: at("02:00:01") }).run).toEqual([
    at("02:00:00"),
  ]);
  expect(catchUpSlots(hourly("skip"), "p", { lastRecordedMs: at("02:00:00"), nowMs: at("02:00:02") }).run).toEqual([]);
});

test("after a downtime once runs the latest missed slot alone, skip none", () => {
  const times = { lastRecordedMs: at("01:00:00"), nowMs: at("05:30:00") };
  expect(catchUpSlots(hourly("once"), "p", times)).toMatchObject({
    run: [at("05:00:00")],
    missed: { firstMs: at("02:00:00"), lastMs: at("04:00:00") },
  });
  expect(catchUpSlots(hourly("skip"), "p", times)).toMatchObject({
    run: [],
    missed: { firstMs: at("02:00:00"), lastMs: at("05:00:00") },
  });
});

test("a slot on time covers the missed ones", () => {
  const times = { lastRecordedMs: at("01:00:00"), nowMs: at("05:00:10") };
  expect(catchUpSlots(hourly("once"), "p", times)).toMatchObject({
    run: [at("05:00:00")],
    missed: { firstMs: at("02:00:00"), lastMs: at("04:00:00") },
  });
});

test("ticks at any distance lose no slot and give none twice", () => {
  const seen: number[] = [];
  let lastRecordedMs = at("02:00:00");
  let nowMs = lastRecordedMs;
  for (let tick = 0; tick < 200; tick++) {
    nowMs += 137 + ((tick * 7919) % 20_000);
    for (const slot of catchUpSlots(fast, "p", { lastRecordedMs, nowMs }).run) {
      seen.push(slot);
      lastRecordedMs = slot;
    }
  }
  expect(seen).toEqual(slotsBetween(fast, "p", at("02:00:00"), nowMs));
});

test("a clock that goes back a little gives no slot twice", () => {
  const back = catchUpSlots(fast, "p", { lastRecordedMs: at("02:00:30"), nowMs: at("02:00:08") });
  expect(back).toEqual({ run: [], missed: undefined, clockBackMs: 22_000 });
});

test("a clock that was a year ahead does not silence a policy for a year", () => {
  const wrong = at("02:00:00") + 365 * 86_400_000;
  const { run, clockBackMs } = catchUpSlots(hourly("once"), "p", { lastRecordedMs: wrong, nowMs: at("03:00:05") });
  expect(run).toEqual([at("03:00:00")]);
  expect(clockBackMs).toBeGreaterThan(360 * 86_400_000);
});

test("a long downtime of a fast schedule stays one run", () => {
  const result = catchUpSlots({ ...fast, when: { ...fast.when, kind: "every", seconds: 120 } }, "p", {
    lastRecordedMs: 0,
    nowMs: at("02:01:30"),
  });
  expect(result.run).toEqual([at("02:00:00")]);
  expect(result.missed).toEqual({ firstMs: 120_000, lastMs: at("01:58:00") });
});
