import { expect, test } from "vitest";
import { epochFromRfc3339, rfc3339FromEpoch, rfc3339FromMilliseconds } from "./rfc3339.ts";

test("every second is written as Date writes it, also before 1970", () => {
  // Steps that share no factor with a day, so that all hours, minutes and seconds come by.
  for (let seconds = -62_167_219_200; seconds <= 253_402_300_799; seconds += 7_919_771_137 / 10 - 0.7) {
    const whole = Math.floor(seconds);
    const expected = new Date(whole * 1000).toISOString().slice(0, 19);
    expect(rfc3339FromEpoch(whole, 0)).toBe(`${expected}Z`);
    expect(rfc3339FromEpoch(whole, 120)).toBe(`${expected}.00000012Z`);
  }
  for (let seconds = -90_000; seconds < 90_000; seconds += 61) {
    expect(rfc3339FromEpoch(seconds, 0)).toBe(`${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`);
  }
});

test("years outside 0000-9999 are clamped, and what is written can be read", () => {
  expect(rfc3339FromEpoch(1e15, 0)).toBe("9999-12-31T23:59:59Z");
  expect(rfc3339FromEpoch(-1e15, 0)).toBe("0000-01-01T00:00:00Z");
  expect(epochFromRfc3339(rfc3339FromEpoch(-1, 999_999_999))).toEqual({ seconds: -1, nanos: 999_999_999 });
});

test("what clocks tell has no trailing zeros, also before 1970 and between two milliseconds", () => {
  const written = [1_800_000_000_730, 1_800_000_000_000, 1_800_000_000_001, 1_800_000_000_100.9, -1, -1000];
  expect(written.map(rfc3339FromMilliseconds)).toEqual([
    "2027-01-15T08:00:00.73Z",
    "2027-01-15T08:00:00Z",
    "2027-01-15T08:00:00.001Z",
    "2027-01-15T08:00:00.1Z",
    "1969-12-31T23:59:59.999Z",
    "1969-12-31T23:59:59Z",
  ]);
});
