import { type DrillReport, renderDrillReportHtml } from "@lifeboat/drill";
import { type CompiledConfig, messageOf, type RunRecord } from "@lifeboat/model";
import type { Session } from "../session/session.ts";
import { openHistoryIfThere } from "./history-file.ts";
import { proofsOf } from "./read-run-records.ts";

/** Tells the service's history, where there is one, of a drill that ran in this process. Its evidence lies in the repository anyway. */
export async function rememberDrill(
  session: Session,
  config: CompiledConfig,
  record: RunRecord,
  report: DrillReport,
): Promise<void> {
  try {
    const history = await openHistoryIfThere(session, config);
    if (history === undefined) return;
    const { catalog } = history;
    try {
      await catalog.recordSettled(record);
      await catalog.recordDrillReport({
        runId: report.run,
        drill: report.drill,
        result: report.outcome,
        declared: report.declared_at,
        rtaSeconds: report.achieved.rta_s,
        rpaSeconds: report.achieved.rpa_s,
        proofs: proofsOf(report).map(({ asset, outcome }) => ({ asset, outcome })),
        report: JSON.stringify(report),
        html: renderDrillReportHtml(report),
      });
    } finally {
      await catalog.close();
    }
  } catch (error) {
    session.logger.warn(
      { cause: messageOf(error) },
      "the history could not be told of this drill; its evidence lies in the repository",
    );
  }
}
