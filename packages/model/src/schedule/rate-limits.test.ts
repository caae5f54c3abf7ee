import { expect, test } from "vitest";
import { type LimitHours, type RateLimits, ratesAt } from "./rate-limits.ts";

const hour = 60;
const limits = (...hours: LimitHours[]): RateLimits => ({ upload: 10, download: undefined, timezone: "Europe/Berlin", hours });
const at = (time: string, ...hours: LimitHours[]) => ratesAt(limits(...hours), Date.parse(time)).upload;

test("outside of all hours the plain limit holds, within them theirs, by the zone's clocks", () => {
  const office = { fromMinute: 8 * hour, toMinute: 18 * hour, upload: 2 };
  // In summer Berlin is two hours ahead, in winter one.
  expect(at("2026-07-01T05:59:59Z", office)).toBe(10);
  expect(at("2026-07-01T06:00:00Z", office)).toBe(2);
  expect(at("2026-12-01T06:30:00Z", office)).toBe(10);
  expect(at("2026-12-01T16:59:59Z", office)).toBe(2);
  expect(at("2026-12-01T17:00:00Z", office)).toBe(10);
  expect(ratesAt(limits({ ...office, upload: undefined, download: 5 }), Date.parse("2026-12-01T12:00:00Z"))).toEqual({
    upload: 10,
    download: 5,
  });
});

test("hours may go over midnight and lift the limit; the first entry that fits counts", () => {
  const night = { fromMinute: 22 * hour, toMinute: 6 * hour, upload: 0, days: [5] };
  const early = { fromMinute: 4 * hour, toMinute: 8 * hour, upload: 3 };
  // 2026-12-04 is a Friday.
  expect(at("2026-12-04T20:59:00Z", night, early)).toBe(10);
  expect(at("2026-12-04T21:00:00Z", night, early)).toBeUndefined();
  expect(at("2026-12-05T04:30:00Z", night, early)).toBeUndefined();
  expect(at("2026-12-05T05:00:00Z", night, early)).toBe(3);
  expect(at("2026-12-05T22:00:00Z", night, early)).toBe(10);
  expect(at("2026-12-04T03:30:00Z", night, early)).toBe(3);
});
