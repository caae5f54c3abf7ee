import type { ControlOutcome } from "../controls/control-outcome.ts";
import type { RemovedThing } from "../teardown/tear-down.ts";

/** `objectives` and `achieved` in seconds; times RFC 3339. Field names are a contract. */
export interface DrillReport {
  readonly schema: "lifeboat.drill/1";
  readonly run: string;
  readonly drill: string;
  readonly description: string | null;
  readonly owner: string | null;
  readonly outcome: DrillOutcome;
  /** The verdict in one sentence. */
  readonly verdict: string;
  readonly warnings: number;
  readonly causes: readonly DrillCause[];
  readonly declared_at: string;
  readonly started_at: string;
  readonly ended_at: string;
  readonly objectives: { readonly rto_s: number | null; readonly rpo_s: number | null };
  readonly achieved: DrillAchieved;
  readonly assets: readonly DrillAssetReport[];
  readonly targets: readonly { readonly id: string; readonly type: string; readonly machine: string; readonly place: string }[];
  readonly steps: readonly DrillStepReport[];
  readonly checks: readonly DrillCheckReport[];
  readonly not_covered: readonly string[];
  readonly people: readonly { readonly role: string; readonly who: string }[];
  readonly findings: readonly { readonly number: number; readonly text: string; readonly owner: string | null }[];
  readonly teardown: readonly RemovedThing[];
  readonly leftovers: readonly RemovedThing[];
  readonly versions: Readonly<Record<string, string>>;
  /** By machine: seconds by which its clock is ahead. */
  readonly clock_skew_s: Readonly<Record<string, number>>;
  readonly install_id: string;
  readonly config_sha256: string | null;
  /** The drill's definition as written. */
  readonly definition: string;
}

export type DrillOutcome = "passed" | "failed" | "inconclusive" | "cancelled";

/** One reason why the outcome is not plainly passed. */
export interface DrillCause {
  readonly kind: "failed" | "inconclusive" | "warning";
  /** "check hashes", "objective rpo", "step db", "asset web1/uploads", "preflight", "teardown". */
  readonly where: string;
  readonly reason: string;
}

export const rtaParts = ["queue", "provision", "transfer", "load", "application", "checks"] as const;
export type RtaPart = (typeof rtaParts)[number];

export interface DrillAchieved {
  /** Last required check passed - T0; null when that was not reached. */
  readonly rta_s: number | null;
  /** Add up to `rta_s`, or to the time until the end of the checks when that is null. */
  readonly rta_parts: Readonly<Record<RtaPart, number>>;
  /** T0 - the moment the oldest snapshot stands for. */
  readonly rpa_s: number | null;
  /** Age of the newest data inside, as the freshness checks measured it. */
  readonly measured_rpa_s: number | null;
  readonly extrapolated: boolean;
}

export interface DrillAssetReport {
  readonly asset: string;
  readonly kind: string;
  readonly snapshot: string;
  readonly time: string;
  readonly age_s: number;
  readonly repository: string;
  readonly size_bytes: number;
  readonly target: string;
  readonly restored: boolean;
  /** Checks that passed and whose control failed as it should. */
  readonly proved_by: readonly string[];
}

export interface DrillStepReport {
  readonly id: string;
  readonly kind: "restore" | "run" | "wait";
  readonly what: string;
  readonly verdict: "passed" | "failed" | "inconclusive" | "skipped";
  readonly started_s: number | null;
  readonly seconds: number | null;
  readonly bytes: number;
  readonly detail: string;
  readonly output: string | null;
}

export interface DrillCheckReport {
  readonly id: string;
  readonly type: string;
  readonly after: string;
  readonly severity: "fail" | "warn";
  readonly verdict: "passed" | "failed" | "inconclusive" | "skipped";
  readonly wanted: string;
  readonly found: string;
  readonly detail: string;
  readonly started_s: number | null;
  readonly seconds: number | null;
  readonly output: string | null;
  readonly control: ControlOutcome;
}
