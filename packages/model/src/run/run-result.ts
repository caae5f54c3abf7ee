import { exitCodes } from "../errors/exit-codes.ts";
import type { RunKind, RunResult } from "./run.ts";

/**
 * From best to worst. Incomplete has a snapshot, so it is better than skipped, which has none; failed is an answer that
 * somebody must act on, so nothing hides it.
 */
export const resultOrder: readonly RunResult[] = ["passed", "incomplete", "skipped", "cancelled", "inconclusive", "failed"];

/** A group's result is the worst of its parts. No parts: inconclusive, because nothing was proven. */
export function worstResult(results: Iterable<RunResult>): RunResult {
  let worst = -1;
  for (const result of results) worst = Math.max(worst, resultOrder.indexOf(result));
  return resultOrder[worst] ?? "inconclusive";
}

/** The exit code for a run's result. A failed check or drill says 6, so that scripts can tell "bad data" from "did not run". */
export function exitCodeOf(result: RunResult, kind?: RunKind): number {
  switch (result) {
    case "passed":
      return exitCodes.passed;
    case "incomplete":
      return exitCodes.incomplete;
    case "failed":
      return kind === "check" || kind === "drill" ? exitCodes.checkFailed : exitCodes.failed;
    case "inconclusive":
    // Skipped: nothing was done, so nothing was proven. Never 0.
    case "skipped":
      return exitCodes.inconclusive;
    case "cancelled":
      return exitCodes.cancelled;
  }
}
