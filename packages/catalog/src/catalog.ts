import type { GoodCopy, RestoreProof, RunKind, RunRecord, RunResult, RunState } from "@lifeboat/model";

/**
 * Durable history. It is no truth of its own: the snapshots are, and everything here can be rebuilt from the records
 * that lie in the repositories. But it decides what is still to be done, so the queue in Redis may be lost at any time.
 *
 * The life of a run: `recordPending` (scheduler) -> `claimRun` -> `heartbeat` ... -> `settleRun` (worker), or `releaseRun` when
 * the attempt failed and may be tried again. A claim numbers the attempts; whoever holds an older number is fenced: its
 * heartbeat says false and its settling throws `job-fenced`.
 *
 * Times are milliseconds since 1970. Every method may throw `catalog-failed`.
 */
export interface Catalog {
  /**
   * Inserts the run unless it is known. True when it was new. By-hand runs do not move the schedule's last slot.
   * New is also what is known as a skipped slot that was recorded at a time still to come: a clock that was ahead wrote it.
   */
  recordPending(run: NewRun): Promise<boolean>;
  /** Inserts a finished run unless it is known, likewise: a skipped slot, a run that never went through the queue. True when new. */
  recordSettled(record: RunRecord): Promise<boolean>;
  /**
   * Takes a pending run that is due, or a running one whose heartbeat is older than `staleAfterMs`. `busy`: another run of the
   * same kind and object is at work; this one stays pending and is given out again later.
   */
  claimRun(runId: string, owner: string, options: { readonly staleAfterMs: number }): Promise<Claim>;
  /** False: a newer attempt has taken over (or the run is settled), stop before the commit. */
  heartbeat(runId: string, attempt: number): Promise<boolean>;
  /** Running -> pending again, not before a time. Throws `job-fenced` when the attempt is not the running one. */
  releaseRun(runId: string, attempt: number, release: Release): Promise<void>;
  /** Lets a pending run begin now that waits for its time after that attempt. False when it has gone on meanwhile. */
  hastenRun(runId: string, attempt: number): Promise<boolean>;
  /** Running -> settled. Throws `job-fenced` when the attempt is not the running one. */
  settleRun(runId: string, attempt: number, record: RunRecord): Promise<void>;
  /** Pending -> settled, for a run that was cancelled before it began. False when it is not pending. */
  settlePending(record: RunRecord): Promise<boolean>;
  /**
   * Running ones whose heartbeat is older than that (or lies that far in the future: the clock was set back). Right after the clock was set, or
   * the machine slept, these are all of them: who takes a run as lost looks again whether its heartbeat moves.
   */
  lostRuns(staleAfterMs: number): Promise<RunRow[]>;

  findRun(runId: string): Promise<RunRow | undefined>;
  /** Pending and running, oldest slot first. */
  openRuns(): Promise<RunRow[]>;
  /** Newest first. */
  history(filter: HistoryFilter): Promise<RunRow[]>;
  /** How many runs there are of each kind, state and result; `limit` and `offset` do not count. */
  countRuns(filter: HistoryFilter): Promise<RunCount[]>;
  /** Settled backups that ended since then, newest first, as little of each as a chart needs. */
  backupEnds(filter: { readonly sinceMs: number; readonly object?: string }): Promise<BackupEnd[]>;
  /**
   * By object: the run of this kind that ended last with one of these results; absent where there is none. One whose end lies more than five
   * minutes ahead is left out: it would stay the last one until its time has come.
   */
  latestRuns(kind: RunKind, results: readonly RunResult[], objects: Iterable<string>): Promise<Map<string, RunRow>>;
  attemptsOf(runId: string): Promise<AttemptRow[]>;

  /** What is known of each schedule; one that is new is known since now. Keys of the answer as `scheduleKey` makes them. */
  scheduleStates(schedules: readonly ScheduleName[]): Promise<Map<string, ScheduleState>>;

  /**
   * For schedules whose last slot lies more than that ahead of now: a clock that was ahead recorded it. Their last slot becomes again the last
   * one up to now that was not recorded at a time still to come, else the time since when they are known. The number of those schedules.
   * A schedule that is known since a time still to come is left alone: it cannot be told which of the two clocks was wrong.
   */
  setSchedulesBack(aheadMs: number): Promise<number>;

  /** Rebuilds history from the repositories' run records. Open runs give way to a record. The number that was new. */
  importRecords(records: Iterable<RunRecord>): Promise<number>;

  /** Adds or refreshes snapshots that were seen in a repository. */
  recordSnapshots(snapshots: readonly SeenSnapshot[]): Promise<void>;
  forgetSnapshots(repository: string, ids: readonly string[]): Promise<void>;
  /** Newest first. */
  seenSnapshots(filter: SnapshotFilter): Promise<SeenSnapshot[]>;
  /** Of each asset in each repository the newest snapshot that was seen and whose backup passed. */
  goodCopies(): Promise<GoodCopy[]>;

  recordDrillReport(report: DrillReportRow): Promise<void>;
  findDrillReport(runId: string): Promise<DrillReportRow | undefined>;
  /** Newest first, without their HTML. */
  drillReports(filter: { readonly drill?: string; readonly limit?: number }): Promise<DrillReportRow[]>;

  /** Keeps the version unless it is the one applied last. True when it was kept. */
  recordConfig(config: { readonly sha256: string; readonly text: string; readonly appliedBy: string }): Promise<boolean>;
  appliedConfigs(limit?: number): Promise<AppliedConfig[]>;

  /** A program says that it lives. Beats that lie more than five minutes ahead go: a clock that was ahead wrote them. */
  beat(beat: { readonly program: string; readonly instance: string; readonly detail?: string }): Promise<void>;
  /** Newest first. */
  beats(): Promise<Beat[]>;

  close(): Promise<void>;
}

export interface NewRun {
  readonly id: string;
  readonly kind: RunKind;
  /** "web1/uploads", a repository's name or a drill's name. */
  readonly object: string;
  readonly policy: string | null;
  /** RFC 3339 with the offset of the policy's zone. */
  readonly slot: string;
  /** True when a person started it. */
  readonly byHand?: boolean;
  /** What was asked for beyond the object, as JSON that the worker understands: where a restore goes. Never a secret. */
  readonly request?: string;
}

export type Claim =
  | { readonly claimed: true; readonly attempt: number; readonly run: RunRow }
  | { readonly claimed: false; readonly because: "settled" | "running" | "busy" | "not-due" | "unknown" };

export interface Release {
  readonly notBeforeMs: number;
  /** Why this attempt ended; kept with the attempt. */
  readonly cause: string;
  readonly code: string | null;
  /** Only while the heartbeat is still this one: a run thought lost may speak again. */
  readonly ifHeartbeatMs?: number;
}

export interface RunRow {
  readonly id: string;
  readonly kind: RunKind;
  readonly object: string;
  readonly policy: string | null;
  readonly slot: string;
  readonly slotMs: number;
  readonly byHand: boolean;
  readonly request: string | null;
  readonly state: RunState;
  /** Attempts begun so far. */
  readonly attempt: number;
  readonly notBeforeMs: number;
  readonly owner: string | null;
  readonly heartbeatMs: number | null;
  readonly recordedMs: number;
  readonly startedMs: number | null;
  readonly endedMs: number | null;
  /** Why the last attempt ended, while the run is open. */
  readonly cause: string | null;
  readonly code: string | null;
  /** Present when settled. */
  readonly record: RunRecord | null;
}

export interface AttemptRow {
  readonly attempt: number;
  readonly owner: string;
  readonly startedMs: number;
  readonly endedMs: number | null;
  readonly cause: string | null;
  readonly code: string | null;
}

export interface HistoryFilter {
  readonly object?: string;
  readonly policy?: string;
  readonly kinds?: readonly RunKind[];
  readonly results?: readonly RunResult[];
  readonly states?: readonly RunState[];
  /** Slots from here on. */
  readonly sinceMs?: number;
  /** Slots before this. */
  readonly untilMs?: number;
  /** Ended at or before this. */
  readonly endedUntilMs?: number;
  /** Default 100, at most 10 000. */
  readonly limit?: number;
  /** How many of the newest to leave out. */
  readonly offset?: number;
}

export interface RunCount {
  readonly kind: RunKind;
  readonly state: RunState;
  /** null while it is open. */
  readonly result: RunResult | null;
  readonly count: number;
}

export interface BackupEnd {
  readonly object: string;
  readonly result: RunResult;
  readonly startedMs: number;
  readonly endedMs: number;
}

export interface ScheduleName {
  readonly kind: RunKind;
  readonly object: string;
}

export interface ScheduleState {
  /** When the schedule was first seen: slots before that were never promised. */
  readonly knownSinceMs: number;
  readonly lastSlotMs: number | null;
}

export interface SeenSnapshot {
  readonly repository: string;
  readonly id: string;
  /** Id of the snapshot it is a copy of, else its own. */
  readonly original: string;
  readonly asset: string | null;
  readonly run: string | null;
  readonly time: string;
  readonly bytes: number | null;
  readonly files: number | null;
}

export interface SnapshotFilter {
  readonly repository?: string;
  readonly asset?: string;
  readonly run?: string;
  /** Default 1000, at most 100 000. */
  readonly limit?: number;
}

export interface DrillReportRow {
  readonly runId: string;
  readonly drill: string;
  readonly result: RunResult;
  /** RFC 3339. */
  readonly declared: string;
  readonly rtaSeconds: number | null;
  readonly rpaSeconds: number | null;
  /** What it said about each asset that it restored. */
  readonly proofs: readonly Pick<RestoreProof, "asset" | "outcome">[];
  /** The report as JSON. */
  readonly report: string;
  /** The same as one HTML file, when whoever ran the drill has rendered it. */
  readonly html?: string;
}

export interface AppliedConfig {
  readonly sha256: string;
  readonly text: string;
  readonly appliedBy: string;
  readonly appliedMs: number;
}

export interface Beat {
  readonly program: string;
  readonly instance: string;
  readonly atMs: number;
  readonly detail: string | null;
}

export function scheduleKey({ kind, object }: ScheduleName): string {
  return `${kind}/${object}`;
}
