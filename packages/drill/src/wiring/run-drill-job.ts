import { createRunRecord, type JobContext, type RunOrder } from "@lifeboat/jobs";
import type { CompiledDrill, RunRecord } from "@lifeboat/model";
import type { DrillOptions } from "../ports.ts";
import type { DrillReport } from "../report/drill-report.ts";
import { runDrill } from "../run-drill.ts";
import { createDrillPorts, type DrillPortsOptions } from "./create-drill-ports.ts";

export interface DrillJobOrder
  extends RunOrder,
    DrillPortsOptions,
    Pick<DrillOptions, "declaredAtMs" | "journalFile" | "startedBy" | "configSha256"> {
  readonly drill: CompiledDrill;
}

/** A drill against the real world, from the worker and from the command line alike. */
export async function runDrillJob(
  context: JobContext,
  order: DrillJobOrder,
): Promise<{ record: RunRecord; report: DrillReport }> {
  const started = context.clock.now();
  // The drill itself heeds the stop; its machines and repositories must live on, because the teardown needs them.
  const opened = createDrillPorts({ ...context, signal: new AbortController().signal }, order);
  try {
    const { declaredAtMs, journalFile, startedBy, configSha256, runId } = order;
    const report = await runDrill(order.drill, opened.ports, {
      runId,
      declaredAtMs,
      journalFile,
      tool: context.programVersion,
      signal: context.signal,
      ...(startedBy !== undefined && { startedBy }),
      ...(configSha256 !== undefined && { configSha256 }),
    });
    // A warning must not stand in the history in place of what made the drill fail.
    const cause = report.causes.find(({ kind }) => kind !== "warning") ?? report.causes[0];
    const repository = report.assets[0]?.repository ?? undefined;
    const figures = {
      checks: report.checks.length,
      warnings: report.warnings,
      ...(report.achieved.rta_s !== null && { rta_s: report.achieved.rta_s }),
      ...(report.achieved.rpa_s !== null && { rpa_s: report.achieved.rpa_s }),
    };
    const why = report.outcome === "passed" ? undefined : cause && `${cause.where}: ${cause.reason}`;
    return {
      record: createRunRecord(order, started, context.clock, { result: report.outcome, repository, cause: why, figures }),
      report,
    };
  } finally {
    await opened.close();
  }
}
