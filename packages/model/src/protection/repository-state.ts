import type { RunRecord } from "../run/run.ts";

/** A check that ended with one of these says that data is gone or wrong; with any other code it could not look. */
const damageCodes: ReadonlySet<string | null> = new Set([
  null,
  "repository-damaged",
  "repository-missing",
  "object-missing",
  "store-bucket-missing",
  "verification-failed",
]);

export interface RepositoryState {
  readonly lastPassedMs: number | undefined;
  /** The check that found damage, unless a later one passed. */
  readonly damage: RunRecord | undefined;
}

/** By repository name, from the runs of kind check. */
export function repositoryStates(runs: Iterable<RunRecord>): ReadonlyMap<string, RepositoryState> {
  const states = new Map<string, { passed?: RunRecord; failed?: RunRecord }>();
  for (const run of runs) {
    if (run.kind !== "check") continue;
    const state = states.get(run.object) ?? {};
    states.set(run.object, state);
    if (run.result === "passed" && isLater(run, state.passed)) state.passed = run;
    if (run.result === "failed" && damageCodes.has(run.code) && isLater(run, state.failed)) state.failed = run;
  }
  return new Map(
    [...states].map(([name, { passed, failed }]) => [
      name,
      {
        lastPassedMs: passed === undefined ? undefined : Date.parse(passed.ended),
        damage: failed !== undefined && isLater(failed, passed) ? failed : undefined,
      },
    ]),
  );
}

export function isLater(run: RunRecord, than: RunRecord | undefined): boolean {
  return than === undefined || Date.parse(run.ended) >= Date.parse(than.ended);
}
