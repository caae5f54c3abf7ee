import { expect, test } from "vitest";
import { lastLocalDays, parseLocalDay, resultsByDay } from "./local-days.ts";

test("days are those of the zone, and one with a clock change is an hour longer or shorter", () => {
  const days = lastLocalDays(Date.parse("2026-10-26T08:00:00+01:00"), "Europe/Berlin", 3);
  expect(days.map((day) => [day.date, (day.endMs - day.startMs) / 3_600_000])).toEqual([
    ["2026-10-24", 24],
    ["2026-10-25", 25],
    ["2026-10-26", 24],
  ]);
  const spring = lastLocalDays(Date.parse("2026-03-29T23:59:59+02:00"), "Europe/Berlin", 1);
  expect(spring.map((day) => (day.endMs - day.startMs) / 3_600_000)).toEqual([23]);
  expect(spring[0]?.startMs).toBe(Date.parse("2026-03-29T00:00:00+01:00"));
});

test("ninety days follow each other without a gap, also in a zone off the hour and at a midnight exactly", () => {
  for (const zone of ["Asia/Kathmandu", "America/Santiago", "UTC", "Australia/Lord_Howe"]) {
    const days = lastLocalDays(Date.parse("2026-11-22T00:00:00Z"), zone, 90);
    for (const [index, day] of days.entries()) if (index > 0) expect(day.startMs).toBe(days[index - 1]?.endMs);
    expect(new Set(days.map((day) => day.date)).size).toBe(90);
  }
});

test("a day is as good as its worst run, and a skipped run hides nothing", () => {
  const days = lastLocalDays(Date.parse("2026-11-22T12:00:00Z"), "UTC", 3);
  const at = (text: string) => Date.parse(`2026-11-${text}:00Z`);
  expect(
    resultsByDay(days, [
      { result: "passed", atMs: at("22T00:00") },
      { result: "failed", atMs: at("21T10:00") },
      { result: "passed", atMs: at("21T23:59") },
      { result: "skipped", atMs: at("21T23:59") },
    ]),
  ).toEqual(["none", "failed", "passed"]);
});

test("a day's name is read in the zone, and what is no day is refused", () => {
  expect(parseLocalDay("2026-11-21", "Europe/Berlin")).toBe(Date.parse("2026-11-21T00:00:00+01:00"));
  expect(parseLocalDay("2026-07-01", "America/St_Johns")).toBe(Date.parse("2026-07-01T00:00:00-02:30"));
  for (const text of ["2026-02-30", "yesterday", "2026-1-1", "99999-01-01", ""])
    expect(parseLocalDay(text, "UTC")).toBeUndefined();
});
