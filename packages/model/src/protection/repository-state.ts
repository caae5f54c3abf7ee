import type { RunRecord } from "../run/run.ts";
import { isFromFuture } from "./judge-age.ts";

/** A check that ended with one of these says that data is gone or wrong; with any other code, or none, it could not look. */
const damageCodes: ReadonlySet<string | null> = new Set([
  "repository-damaged",
  "repository-missing",
  "object-missing",
  "store-bucket-missing",
  "verification-failed",
]);

export interface RepositoryState {
  readonly lastPassedMs: number | undefined;
  /** The check that found damage, unless a later one that looks as deep passed. */
  readonly damage: RunRecord | undefined;
  /** What was found is seen only where every byte is read. */
  readonly isDataDamage: boolean;
}

/**
 * By repository name, from the runs of kind check. A check takes back what an earlier one found only where it looked at least as deep: damage
 * that was found while data was read stands until a check has read all of it.
 */
export function repositoryStates(runs: Iterable<RunRecord>, nowMs: number): ReadonlyMap<string, RepositoryState> {
  const checks = new Map<string, RunRecord[]>();
  for (const run of runs) {
    if (run.kind !== "check") continue;
    const list = checks.get(run.object);
    if (list === undefined) checks.set(run.object, [run]);
    else list.push(run);
  }
  return new Map([...checks].map(([name, list]) => [name, stateOf(list, nowMs)]));
}

function stateOf(checks: readonly RunRecord[], nowMs: number): RepositoryState {
  // One that passed under a wrong clock proves nothing and must hide nothing until that time has come.
  const passed = checks.filter((run) => run.result === "passed" && !isFromFuture(nowMs, Date.parse(run.ended)));
  const damages = checks.filter(isDamage);
  const last = latest(passed);
  const standing = (found: RunRecord | undefined, clearing: RunRecord | undefined) => {
    if (found === undefined || clearing === undefined) return found;
    // Damage under a wrong clock has no place in the order: a check that looks as deep takes it back, whenever that was.
    return isFromFuture(nowMs, Date.parse(found.ended)) || !isLater(found, clearing) ? undefined : found;
  };
  const data = standing(latest(damages.filter(isDataDamage)), latest(passed.filter(hasReadAllData)));
  const structure = standing(latest(damages.filter((run) => !isDataDamage(run))), latest(passed.filter(hasReadStructure)));
  return {
    lastPassedMs: last === undefined ? undefined : Date.parse(last.ended),
    damage: data ?? structure,
    isDataDamage: data !== undefined,
  };
}

function isDamage(run: RunRecord): boolean {
  return run.result === "failed" && damageCodes.has(run.code);
}

/** Damage that only reading the data has shown. Records without that figure are old: whatever was found while data was read may be it. */
export function isDataDamage(run: RunRecord): boolean {
  const { data_errors: errors, bytes_read: read = 0 } = run.figures;
  return isDamage(run) && (errors === undefined ? read > 0 : errors > 0);
}

/** Records without these figures are old, and do not say whether all was read: so they prove nothing of it. */
export function hasReadAllData(run: RunRecord): boolean {
  const { packs, packs_read: read } = run.figures;
  return hasReadStructure(run) && packs !== undefined && read !== undefined && read >= packs;
}

/** From the store itself: a cache that is whole says nothing of what it was made from. */
export function hasReadStructure(run: RunRecord): boolean {
  return run.figures.with_cache !== 1;
}

function latest(runs: readonly RunRecord[]): RunRecord | undefined {
  return runs.reduce<RunRecord | undefined>((last, run) => (isLater(run, last) ? run : last), undefined);
}

export function isLater(run: RunRecord, than: RunRecord | undefined): boolean {
  return than === undefined || Date.parse(run.ended) >= Date.parse(than.ended);
}
