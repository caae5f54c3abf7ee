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
