import type { CompiledConfig } from "../config/compiled-config.ts";
import type { RunKind } from "./run.ts";

/** When a failed attempt is tried again: the wait doubles with each attempt, up to a bound. */
export interface RetryRule {
  /** Attempts in all. */
  readonly attempts: number;
  readonly backoffSeconds: number;
  readonly maxSeconds: number;
}

/** Milliseconds to wait after attempt `attempt` (1, 2, ...) has failed; undefined when it was the last one. */
export function retryDelayMs(rule: RetryRule, attempt: number): number | undefined {
  if (attempt >= rule.attempts) return undefined;
  return Math.min(rule.backoffSeconds * 2 ** Math.min(attempt - 1, 30), rule.maxSeconds) * 1000;
}

/** Who must have a repository for itself, or come in beside somebody who has: that may take as long as a first backup does. */
const waitingForLocks: ReadonlySet<RunKind> = new Set(["forget", "prune", "check", "replicate"]);

export function waitsForLocks(kind: RunKind): boolean {
  return waitingForLocks.has(kind);
}

/** Which attempt this one counts as: who found the door closed has not failed. `before`: all that the run has had. */
export function countedAttempt(
  { kind, attempt }: { readonly kind: RunKind; readonly attempt: number },
  before: readonly { readonly attempt: number; readonly code: string | null }[],
): number {
  if (!waitsForLocks(kind)) return attempt;
  return attempt - before.filter((each) => each.attempt < attempt && each.code === "repository-locked").length;
}

/** A restore is never begun again by itself: its target is no longer empty. */
const noRetry: RetryRule = { attempts: 1, backoffSeconds: 0, maxSeconds: 0 };
const usualRetry: RetryRule = { attempts: 3, backoffSeconds: 60, maxSeconds: 1800 };

/** How often a run may be tried: its policy's rule, else the usual one. Worker and scheduler must count alike. */
export function retryRuleOf(
  config: Pick<CompiledConfig, "policies">,
  run: { readonly kind: RunKind; readonly policy: string | null },
): RetryRule {
  if (run.kind === "restore") return noRetry;
  return (run.policy === null ? undefined : config.policies.get(run.policy)?.retry) ?? usualRetry;
}
