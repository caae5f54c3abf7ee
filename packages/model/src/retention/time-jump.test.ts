import { expect, test } from "vitest";
import type { CompiledRetention } from "../config/compiled-config.ts";
import { selectRetention } from "./select-retention.ts";
import { findTimeJump } from "./time-jump.ts";

const dayMs = 86_400_000;
const start = Date.UTC(2026, 9, 1);
const rule = (more: Partial<CompiledRetention> = {}): CompiledRetention => ({
  ...{ last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0, withinSeconds: 30 * 86_400 },
  ...more,
});
/** Backups on these days; what the rule does at the last of them. */
function jump(days: readonly number[], retention = rule(), pinned: readonly number[] = []) {
  const nowMs = start + (days.at(-1) ?? 0) * dayMs + 3_600_000;
  const snapshots = days.map((day) => ({
    id: `${day}`,
    time: new Date(start + day * dayMs).toISOString(),
    tags: pinned.includes(day) ? ["pin"] : [],
  }));
  const choice = selectRetention(snapshots, retention, nowMs);
  return { removed: choice.remove.length, jump: findTimeJump(choice, retention, nowMs) };
}
const daily = (from: number, count: number) => Array.from({ length: count }, (_, at) => from + at);

test("the first backups of a clock that is years ahead jump, and so do those of a host that was off for long", () => {
  const years = [...daily(0, 30), 1500];
  expect(jump(years)).toEqual({
    removed: 30,
    jump: { newestRemovedMs: start + 29 * dayMs, oldestKeptMs: start + 1500 * dayMs },
  });
  expect(jump([...years, 1501, 1502]).jump).toBeDefined();
  expect(jump(years, rule(), [3]).jump).toBeDefined();
  expect(jump([...daily(0, 30), 90]).jump).toBeDefined();
});

test("a host that was off goes on by itself once its backups cover half of what the rule keeps", () => {
  const back = (days: number) => jump([...daily(0, 30), ...daily(90, days)]);
  expect(back(15).jump).toBeDefined();
  expect(back(16)).toEqual({ removed: 30, jump: undefined });
});

test("what goes day by day does not jump, nor does a short pause, nor what counts still keep", () => {
  expect(jump(daily(0, 40))).toEqual({ removed: 10, jump: undefined });
  expect(jump([...daily(0, 30), ...daily(50, 3)])).toEqual({ removed: 23, jump: undefined });
  expect(jump([...daily(0, 30), 1500], rule({ daily: 7 })).jump).toBeUndefined();
  expect(jump([...daily(0, 30), 1500], rule({ withinSeconds: 0, daily: 1 }))).toEqual({ removed: 30, jump: undefined });
});
