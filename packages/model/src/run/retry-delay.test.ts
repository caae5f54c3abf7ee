import { expect, test } from "vitest";
import { countedAttempt, retryDelayMs } from "./retry-delay.ts";

test("the wait doubles up to its bound, and there is none after the last attempt", () => {
  const rule = { attempts: 6, backoffSeconds: 120, maxSeconds: 1800 };
  expect([1, 2, 3, 4, 5, 6, 7].map((attempt) => retryDelayMs(rule, attempt))).toEqual([
    120_000,
    240_000,
    480_000,
    960_000,
    1_800_000,
    undefined,
    undefined,
  ]);
  expect(retryDelayMs({ ...rule, attempts: 5000 }, 4000)).toBe(1_800_000);
});

test("who waited for a lock has not used up an attempt, who backs up has", () => {
  const before = [
    { attempt: 1, code: "repository-locked" },
    { attempt: 2, code: "store-unreachable" },
    { attempt: 3, code: "repository-locked" },
    { attempt: 4, code: null },
  ];
  expect(countedAttempt({ kind: "prune", attempt: 4 }, before)).toBe(2);
  expect(countedAttempt({ kind: "prune", attempt: 3 }, before)).toBe(2);
  expect(countedAttempt({ kind: "backup", attempt: 4 }, before)).toBe(4);
});
