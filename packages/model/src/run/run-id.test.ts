import fc from "fast-check";
import { expect, test } from "vitest";
import type { RunIdParts, RunResult } from "./run.ts";
import { assetOf, formatRunId, parseRunId, runKinds } from "./run-id.ts";
import { exitCodeOf, resultOrder, worstResult } from "./run-result.ts";

const slot = Date.UTC(2026, 10, 22, 2, 0, 0);

test("a run's id has the fixed form", () => {
  expect(formatRunId({ kind: "backup", object: "web1/uploads", slot })).toBe("backup/web1/uploads@20261122T020000Z");
  expect(formatRunId({ kind: "backup", object: "web1/uploads", slot: slot + 123, suffix: "x7k2" })).toBe(
    "backup/web1/uploads@20261122T020000.123Z-x7k2",
  );
  expect(formatRunId({ kind: "prune", object: "s3-main", slot })).not.toContain(":");
});

test("every id reads back as its parts", () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,62}$/);
  const parts = fc.record({
    kind: fc.constantFrom(...runKinds),
    object: fc.oneof(
      name,
      fc.tuple(name, name).map(([host, source]) => `${host}/${source}`),
    ),
    slot: fc.integer({ min: 0, max: 253402300799 }).map((seconds) => seconds * 1000),
  });
  fc.assert(
    fc.property(parts, (one: RunIdParts) => {
      expect(parseRunId(formatRunId(one))).toEqual(one);
    }),
  );
  fc.assert(
    fc.property(parts, fc.integer({ min: 0, max: 999 }), fc.stringMatching(/^[a-z0-9]{1,16}$/), (one, ms, suffix) => {
      const byHand = { ...one, slot: one.slot + ms, suffix };
      expect(parseRunId(formatRunId(byHand))).toEqual(byHand);
    }),
  );
});

test.each([
  "backup/web1/uploads",
  "backup/web1/uploads@20260231T020000Z",
  "backup/web1/uploads@20261122T020000.123Z",
  "backup/web1/uploads@20261122T020000Z-x7k2",
  "backup/web1/up/loads@20261122T020000Z",
  "steal/web1/uploads@20261122T020000Z",
  "backup/../etc@20261122T020000Z",
  "backup/web1/uploads@20261122T240000Z",
  `backup/${"a".repeat(64)}@20261122T020000Z`,
])("%s is no run id", (text) => expect(parseRunId(text)).toBeUndefined());

test("a slot with milliseconds and a name out of the pattern are refused", () => {
  expect(() => formatRunId({ kind: "backup", object: "web1/etc", slot: slot + 1 })).toThrow(/whole second/);
  expect(() => formatRunId({ kind: "backup", object: "Web1/etc", slot })).toThrow(/Web1/);
  expect(() => formatRunId({ kind: "backup", object: "web1/etc", slot, suffix: "a/b" })).toThrow(/suffix/);
});

test("the asset of a run", () => {
  expect(assetOf("backup/web1/uploads@20261122T020000Z")).toBe("web1/uploads");
  expect(assetOf("prune/s3-main@20261122T020000Z")).toBeUndefined();
});

test("a group's result is the worst of its parts, whatever their order", () => {
  expect(worstResult(["passed", "failed", "passed"])).toBe("failed");
  expect(worstResult(["incomplete", "passed"])).toBe("incomplete");
  expect(worstResult(["passed", "skipped"])).toBe("skipped");
  expect(worstResult([])).toBe("inconclusive");
});

test("only passed exits 0", () => {
  const codes = resultOrder.map((result: RunResult) => [result, exitCodeOf(result)]);
  expect(Object.fromEntries(codes)).toEqual({
    passed: 0,
    incomplete: 3,
    failed: 1,
    inconclusive: 7,
    skipped: 7,
    cancelled: 130,
  });
  expect(exitCodeOf("failed", "drill")).toBe(6);
});
