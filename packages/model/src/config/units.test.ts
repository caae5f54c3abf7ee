import { expect, test } from "vitest";
import { editDistance, suggest } from "./suggest.ts";
import { formatDuration, parseDuration, parseRate, parseRatio, parseSize } from "./units.ts";

test("durations, sizes and ratios need their unit", () => {
  expect(["90s", "15m", "26h", "7d", "2w"].map(parseDuration)).toEqual([90, 900, 93_600, 604_800, 1_209_600]);
  expect(["500MiB", "1.5GiB", "10B"].map(parseSize)).toEqual([524_288_000, 1_610_612_736, 10]);
  expect(["5%", "100%", "0.5%"].map(parseRatio)).toEqual([0.05, 1, 0.005]);
  expect(["10MiB/s", "64KiB/s", "10MiB", "10/s", "MiB/s"].map(parseRate)).toEqual([
    10_485_760,
    65_536,
    undefined,
    undefined,
    undefined,
  ]);
  for (const bad of ["", "5", "h", "-5h", "5 h", "5H", "1e3s", "5GB", "9999999999s"]) {
    expect([bad, parseDuration(bad), parseSize(bad), parseRatio(bad)]).toEqual([bad, undefined, undefined, undefined]);
  }
});

test("durations for people", () => {
  expect([0, 59, 7380, 93_600, 200_000, 604_800].map(formatDuration)).toEqual(["0s", "59s", "2h 3m", "26h", "2d 7h", "7d"]);
});

test("swapped letters are one edit, and far words are no suggestion", () => {
  expect(editDistance("adress", "address")).toBe(1);
  expect(editDistance("hsots", "hosts")).toBe(1);
  expect(suggest("retension", ["retention", "retry"])).toBe("retention");
  expect(suggest("dbl", ["db1", "web1"])).toBe("db1");
  expect(suggest("foo", ["bar", "owner"])).toBeUndefined();
});
