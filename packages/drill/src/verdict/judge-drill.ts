import type {
  DrillAchieved,
  DrillAssetReport,
  DrillCause,
  DrillCheckReport,
  DrillOutcome,
  DrillStepReport,
} from "../report/drill-report.ts";
import { formatElapsed } from "../report/format-figures.ts";
import type { RemovedThing } from "../teardown/tear-down.ts";

/** Detail of a step or check whose phase never began. */
export const notReached = "not run";

export interface Findings {
  readonly cancelled: boolean;
  /** Reasons known before and beside steps and checks: preflight, deadline, versions. */
  readonly causes: readonly DrillCause[];
  readonly objectives: { readonly rto_s: number | null; readonly rpo_s: number | null };
  readonly achieved: DrillAchieved;
  /** From T0 to the end of the checks. */
  readonly elapsedSeconds: number;
  readonly assets: readonly DrillAssetReport[];
  readonly steps: readonly DrillStepReport[];
  readonly checks: readonly DrillCheckReport[];
  readonly leftovers: readonly RemovedThing[];
}

/** failed (a check said no, an objective was missed) > inconclusive (no answer, or a check that cannot say no) > passed. */
export function judgeDrill(findings: Findings): { outcome: DrillOutcome; causes: DrillCause[] } {
  const causes = [
    ...findings.causes,
    ...judgeSteps(findings.steps),
    ...findings.checks.flatMap(judgeCheck),
    ...judgeObjectives(findings),
    ...judgeProof(findings),
    ...findings.leftovers
      .filter((thing) => thing.state === "left")
      .map(
        (thing): DrillCause => ({
          kind: "warning",
          where: "teardown",
          reason: `left on ${thing.machine}: ${thing.what}: ${thing.detail}`,
        }),
      ),
  ];
  const order = ["failed", "inconclusive", "warning"];
  causes.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  const worst = causes[0]?.kind;
  const outcome = findings.cancelled ? "cancelled" : worst === undefined || worst === "warning" ? "passed" : worst;
  return { outcome, causes };
}

function judgeSteps(steps: readonly DrillStepReport[]): DrillCause[] {
  return steps.flatMap((step): DrillCause[] => {
    if (step.verdict === "passed" || neverReached(step)) return [];
    const kind = step.verdict === "failed" ? "failed" : "inconclusive";
    return [{ kind, where: `step ${step.id}`, reason: step.detail }];
  });
}

/** The phase before it ended the drill, and that phase has its own cause. */
function neverReached({ verdict, detail }: { verdict: string; detail: string }): boolean {
  return verdict === "skipped" && detail === notReached;
}

function judgeCheck(check: DrillCheckReport): DrillCause[] {
  const where = `check ${check.id}`;
  const softened = (kind: "failed" | "inconclusive") => (check.severity === "warn" ? "warning" : kind);
  if (check.verdict === "failed") return [{ kind: softened("failed"), where, reason: check.detail }];
  if (neverReached(check)) return [];
  if (check.verdict !== "passed") return [{ kind: softened("inconclusive"), where, reason: check.detail }];
  const { verdict, reason } = check.control;
  if (verdict === "proved" || verdict === "none") return [];
  const words = verdict === "proves_nothing" ? "proves nothing" : "could not be tried against damaged data";
  return [{ kind: softened("inconclusive"), where, reason: `${words}: ${reason}` }];
}

function judgeObjectives({ objectives, achieved, elapsedSeconds, assets }: Findings): DrillCause[] {
  const causes: DrillCause[] = [];
  const { rto_s, rpo_s } = objectives;
  if (rto_s !== null && achieved.rta_s !== null && achieved.rta_s > rto_s) {
    const reason = `recovered in ${formatElapsed(achieved.rta_s)}, objective ${formatElapsed(rto_s)}`;
    causes.push({ kind: "failed", where: "objective rto", reason });
  }
  if (rto_s !== null && achieved.rta_s === null && elapsedSeconds > rto_s) {
    const reason = `not recovered after ${formatElapsed(elapsedSeconds)}, objective ${formatElapsed(rto_s)}`;
    causes.push({ kind: "failed", where: "objective rto", reason });
  }
  for (const asset of assets) {
    if (rpo_s === null || asset.age_s <= rpo_s) continue;
    const reason = `snapshot ${asset.snapshot.slice(0, 8)} of ${asset.asset} is ${formatElapsed(asset.age_s)} old, objective ${formatElapsed(rpo_s)}`;
    causes.push({ kind: "failed", where: "objective rpo", reason });
  }
  return causes;
}

/** Green must be proven: each restored asset by a check that can say no. */
function judgeProof({ assets }: Findings): DrillCause[] {
  return assets
    .filter((asset) => asset.restored && asset.proved_by.length === 0)
    .map((asset): DrillCause => {
      const reason = `no check that passed here is known to say no when the data of ${asset.asset} is damaged`;
      return { kind: "inconclusive", where: `asset ${asset.asset}`, reason };
    });
}
