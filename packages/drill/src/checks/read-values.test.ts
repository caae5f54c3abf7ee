import { expect, it } from "vitest";
import { shopFacts } from "../test-shop/test-shop.ts";
import { parseDatabaseTime } from "./check-freshness.ts";
import { recordedRows } from "./check-row-count.ts";

it("a time is read as databases write it: with any zone, without one as UTC, or as seconds or milliseconds", () => {
  const moment = Date.parse("2026-11-22T02:00:00Z");
  const forms = [
    "2026-11-22 02:00:00+00",
    "2026-11-22 03:00:00+01",
    "2026-11-22 07:30:00+05:30",
    "2026-11-22T07:30:00.000000+0530",
    "2026-11-22 02:00",
    "2026-11-22T02:00:00Z",
    String(moment / 1000),
    String(moment),
  ];
  expect(forms.map(parseDatabaseTime)).toEqual(forms.map(() => moment));
  expect(parseDatabaseTime("2026-11-22 02:00:00.25+00")).toBe(moment + 250);
  expect(parseDatabaseTime("2026-11-22")).toBe(Date.parse("2026-11-22T00:00:00Z"));
  expect(["12", "yesterday", "2026-13-45 99:00", ""].map(parseDatabaseTime)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

it("recorded rows are found with and without the default schema, and a missing table has none", () => {
  expect(recordedRows(shopFacts, "orders")).toBe(12);
  expect(recordedRows(shopFacts, "public.orders")).toBe(12);
  expect(recordedRows({ ...shopFacts, rows: { orders: 3 } }, "public.orders")).toBe(3);
  expect(recordedRows(shopFacts, "sales.orders")).toBeUndefined();
  expect(recordedRows(shopFacts, "toString")).toBeUndefined();
  expect(recordedRows(undefined, "orders")).toBeUndefined();
});
