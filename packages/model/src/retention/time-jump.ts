import type { CompiledRetention } from "../config/compiled-config.ts";
import { epochFromRfc3339 } from "../time/rfc3339.ts";
import { isPinned } from "./pin.ts";
import type { RetentionCandidate, RetentionChoice } from "./select-retention.ts";

/** What stays and what goes lie further apart than the rule keeps at all. */
export interface TimeJump {
  readonly newestRemovedMs: number;
  readonly oldestKeptMs: number;
}

/**
 * Does a rule by age take everything from before a jump in time? That is what a wrong clock does with its first backup; a host that was off
 * for longer than the rule keeps looks the same. Undefined where nothing jumps, and when backups have gone on since for half of what the rule keeps:
 * then the clock has been where it is for long.
 */
export function findTimeJump<T extends RetentionCandidate>(
  { keep, remove }: RetentionChoice<T>,
  { withinSeconds }: CompiledRetention,
  nowMs: number,
): TimeJump | undefined {
  if (withinSeconds <= 0 || remove.length === 0) return undefined;
  const kept = keep
    .filter(({ snapshot }) => !isPinned(snapshot))
    .map(({ snapshot }) => epochMsOf(snapshot))
    .filter((ms) => ms < nowMs);
  if (kept.length === 0) return undefined;
  const oldestKeptMs = kept.reduce((oldest, ms) => Math.min(oldest, ms));
  const newestKeptMs = kept.reduce((newest, ms) => Math.max(newest, ms));
  const newestRemovedMs = remove.map(epochMsOf).reduce((newest, ms) => Math.max(newest, ms));
  const withinMs = withinSeconds * 1000;
  const hasJumped = oldestKeptMs - newestRemovedMs > withinMs && newestKeptMs - oldestKeptMs < withinMs / 2;
  return hasJumped ? { newestRemovedMs, oldestKeptMs } : undefined;
}

/** `selectRetention` has read all of them. */
function epochMsOf({ time }: RetentionCandidate): number {
  return (epochFromRfc3339(time)?.seconds ?? 0) * 1000;
}
