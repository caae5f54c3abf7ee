import type { CompiledConfig } from "../config/compiled-config.ts";
import type { RunRecord } from "../run/run.ts";

/** Everything that the verdict follows from. Times are milliseconds since 1970. */
export interface ProtectionInput {
  readonly nowMs: number;
  readonly config: Pick<CompiledConfig, "assets" | "policies" | "drills" | "company">;
  /** Settled runs, in any order; at least the last ones of each kind and object. */
  readonly runs: Iterable<RunRecord>;
  /** Snapshots that exist and whose backup passed, in any order; at least the newest of each asset in each repository. */
  readonly copies: Iterable<GoodCopy>;
  /** What drills said about assets, in any order. */
  readonly proofs: Iterable<RestoreProof>;
  /** Ids of runs that are pending or running. */
  readonly openRuns?: Iterable<string>;
  /** By name: repositories of which not everything could be read, and what is missing. Left out: all was read. */
  readonly unread?: ReadonlyMap<string, string>;
  /** When the scheduler last said that it lives; null: never. Left out: nobody asks (a host without a service). */
  readonly schedulerBeatMs?: number | null;
}

/** A snapshot that its backup's run calls passed: incomplete, failed and guard-held ones are no good copies. */
export interface GoodCopy {
  readonly repository: string;
  readonly asset: string;
  /** The moment the snapshot stands for. */
  readonly timeMs: number;
  readonly snapshot: string;
}

export interface RestoreProof {
  readonly asset: string;
  readonly drill: string;
  readonly runId: string;
  readonly declaredMs: number;
  /** inconclusive: no answer, so an older proof still stands. */
  readonly outcome: "proven" | "failed" | "inconclusive";
  readonly rtaSeconds: number | null;
}

/** From best to worst; only `good` is green. `unknown`: there is no answer. */
export const protectionLevels = ["good", "unknown", "warning", "bad"] as const;
export type ProtectionLevel = (typeof protectionLevels)[number];

/** One sentence for people and the same as data. Both `lifeboat status` and the page say it. */
export interface Protection {
  readonly nowMs: number;
  readonly level: ProtectionLevel;
  readonly sentence: string;
  readonly scheduler: SchedulerLife;
  readonly counts: ProtectionCounts;
  /** In the configuration's order. */
  readonly assets: readonly AssetProtection[];
  /** Those that somebody must look at, worst first; at the end those that are good, but whose last backup was not. */
  readonly attention: readonly AssetProtection[];
}

export interface SchedulerLife {
  /** live: within 2 minutes; late: within 10; silent: longer, never, or in the future. unasked: nobody asked. */
  readonly state: "live" | "late" | "silent" | "unasked";
  readonly lastBeatMs: number | null;
}

/** `of` counts what has this objective; `good` never exceeds it. */
export interface CountOf {
  readonly good: number;
  readonly of: number;
}

export interface ProtectionCounts {
  readonly assets: CountOf;
  readonly withinRpo: CountOf;
  readonly secondSite: CountOf;
  readonly checked: CountOf;
  readonly proven: CountOf;
}

/** Worst first. */
export const protectionStates = [
  "NO COPY",
  "DAMAGED",
  "LATE",
  "SECOND SITE LATE",
  "NOT CHECKED",
  "UNPROVEN",
  "TOO SLOW",
  "NEW",
  "UNKNOWN",
  "NO OBJECTIVE",
  "ok",
] as const;
export type ProtectionState = (typeof protectionStates)[number];

export interface AssetProtection {
  readonly asset: string;
  readonly host: string;
  readonly policy: string;
  readonly owner: string | undefined;
  readonly tier: number | undefined;
  readonly level: ProtectionLevel;
  readonly state: ProtectionState;
  /** In plain words; empty when there is nothing to say. */
  readonly why: string;
  /** The next command; undefined when there is nothing to do. */
  readonly next: string | undefined;
  /** The newest copy in one of the policy's repositories that is not known to be damaged. */
  readonly lastGood: GoodCopy | undefined;
  readonly rpo: JudgedAge;
  /** Of the replica that is furthest behind. */
  readonly secondSite: JudgedAge;
  /** Last passed check of the asset's repository. */
  readonly check: JudgedAge;
  readonly proof: JudgedAge & { readonly last: RestoreProof | undefined; readonly rtoSeconds: number | undefined };
  /** The last settled backup, whatever its result. */
  readonly lastBackup: RunRecord | undefined;
  /** A backup of it is waiting or running. */
  readonly isOpen: boolean;
}

/** An age and the objective it is held against. */
export interface JudgedAge {
  /** none: no objective, nothing to judge. unknown: the clock or the data give no answer. */
  readonly verdict: "met" | "missed" | "never" | "none" | "unknown";
  /** Undefined when it never happened. */
  readonly atMs: number | undefined;
  readonly ageSeconds: number | undefined;
  readonly objectiveSeconds: number | undefined;
}
