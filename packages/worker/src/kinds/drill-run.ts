import type { RunRow } from "@lifeboat/catalog";
import { type DrillReport, renderDrillReportHtml, runDrillJob } from "@lifeboat/drill";
import { LifeboatError } from "@lifeboat/model";
import { keepTrying } from "../keep-trying.ts";
import type { RunKindHandler } from "../run-work.ts";

/** As the scheduler's grace: what it records later was missed, and is caught up on. */
const onTimeMs = 60_000;

export const drillRun: RunKindHandler = async ({ context, order, run, worker }) => {
  const drill = worker.config.drills.get(run.object);
  if (drill === undefined) throw new LifeboatError("asset-unknown", `there is no drill "${run.object}" in the configuration`);
  const { record, report } = await runDrillJob(context, {
    ...order,
    drill,
    declaredAtMs: declaredAtMsOf(run),
    journalFile: `${worker.stateFolder}/drills/${run.id.replaceAll("/", "_")}.${order.attempt}.jsonl`,
    startedBy: run.byHand ? "by hand" : "schedule",
    installId: worker.installId,
    random: worker.random,
  });
  // One that was stopped has shown nothing; the next attempt reports.
  if (context.signal.aborted && record.result === "cancelled") return { record, error: undefined };
  const row = {
    runId: run.id,
    drill: drill.name,
    result: report.outcome,
    declared: report.declared_at,
    rtaSeconds: report.achieved.rta_s,
    rpaSeconds: report.achieved.rpa_s,
    proofs: proofsOf(report),
    report: JSON.stringify(report),
    html: renderDrillReportHtml(report),
  };
  await keepTrying(worker.jobs, () => worker.catalog.recordDrillReport(row));
  return { record, error: undefined };
};

/**
 * A drill that is due declares the disaster at its slot: that it waits for a worker is part of the recovery. A slot that came while the
 * service was down was never declared, and no more is what lies before an attempt that was stopped: nobody was there to recover.
 */
function declaredAtMsOf({ slotMs, recordedMs, startedMs, attempt }: RunRow): number {
  const wasOnTime = recordedMs - slotMs <= onTimeMs && attempt === 1;
  return wasOnTime ? slotMs : (startedMs ?? slotMs);
}

/** An asset is proven by a check that passed on it and whose control failed as it should, in a drill that passed. */
function proofsOf({ outcome, assets }: DrillReport) {
  return assets.map(({ asset, restored, proved_by }) => {
    const proven = outcome === "passed" && restored && proved_by.length > 0;
    return {
      asset,
      outcome: proven ? ("proven" as const) : outcome === "failed" ? ("failed" as const) : ("inconclusive" as const),
    };
  });
}
