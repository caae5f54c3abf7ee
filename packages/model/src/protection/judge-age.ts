import type { JudgedAge } from "./protection.ts";

/** Clocks of two machines may differ that much; what lies further ahead is no age but a wrong clock. */
export const clockToleranceMs = 5 * 60_000;

/** Also what is no time at all. */
export function isFromFuture(nowMs: number, atMs: number): boolean {
  return !(atMs - nowMs <= clockToleranceMs);
}

/** Exactly as old as the objective is still met. */
export function judgeAge(nowMs: number, atMs: number | undefined, objectiveSeconds: number | undefined): JudgedAge {
  if (atMs === undefined) {
    const verdict = objectiveSeconds === undefined ? "none" : "never";
    return { verdict, atMs: undefined, ageSeconds: undefined, objectiveSeconds };
  }
  if (isFromFuture(nowMs, atMs)) return { verdict: "unknown", atMs, ageSeconds: undefined, objectiveSeconds };
  const ageSeconds = Math.max(0, (nowMs - atMs) / 1000);
  if (objectiveSeconds === undefined) return { verdict: "none", atMs, ageSeconds, objectiveSeconds };
  return { verdict: ageSeconds <= objectiveSeconds ? "met" : "missed", atMs, ageSeconds, objectiveSeconds };
}
