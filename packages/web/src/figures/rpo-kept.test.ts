import { expect, test } from "vitest";
import { measureRpoKept } from "./rpo-kept.ts";

const good = (startedMs: number, endedMs = startedMs) => ({ startedMs, endedMs, isGood: true });
const bad = (startedMs: number) => ({ startedMs, endedMs: startedMs, isGood: false });

test("copies that follow each other in time keep all of it, each counted once", () => {
  expect(measureRpoKept([good(0), good(5000), good(10_000)], 10, 0, 15_000)).toEqual({ keptMs: 15_000, ofMs: 15_000 });
});

test("a gap is the time after the last copy grew too old until the next one was there to be used", () => {
  expect(measureRpoKept([good(0), good(20_000, 22_000)], 10, 0, 30_000)).toEqual({ keptMs: 10_000 + 8000, ofMs: 30_000 });
});

test("a copy taken before the window counts for as long as it is young enough", () => {
  expect(measureRpoKept([good(-6000)], 10, 0, 10_000)).toEqual({ keptMs: 4000, ofMs: 10_000 });
});

test("bad runs keep nothing, and time before the first run on record was never promised", () => {
  expect(measureRpoKept([bad(4000)], 10, 0, 10_000)).toEqual({ keptMs: 0, ofMs: 6000 });
  expect(measureRpoKept([], 10, 0, 10_000)).toEqual({ keptMs: 0, ofMs: 0 });
  expect(measureRpoKept([bad(2000), good(4000)], 10, 0, 10_000)).toEqual({ keptMs: 6000, ofMs: 8000 });
});
