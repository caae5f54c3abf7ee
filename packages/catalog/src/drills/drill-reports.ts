import type { RunResult } from "@lifeboat/model";
import type { Kysely, Selectable } from "kysely";
import type { Catalog, DrillReportRow } from "../catalog.ts";
import type { Tables } from "../schema/tables.ts";

type DrillReports = Pick<Catalog, "recordDrillReport" | "findDrillReport" | "drillReports">;

export function drillReports(db: Kysely<Tables>): DrillReports {
  return {
    async recordDrillReport(report) {
      const row = {
        run_id: report.runId,
        drill: report.drill,
        result: report.result,
        declared: report.declared,
        declared_ms: Date.parse(report.declared),
        rta_seconds: report.rtaSeconds,
        rpa_seconds: report.rpaSeconds,
        proofs: JSON.stringify(report.proofs),
        report: report.report,
        html: report.html ?? null,
      };
      await db
        .insertInto("drill_reports")
        .values(row)
        .onConflict((conflict) => conflict.column("run_id").doUpdateSet(row))
        .execute();
    },

    async findDrillReport(runId) {
      const row = await db.selectFrom("drill_reports").selectAll().where("run_id", "=", runId).executeTakeFirst();
      return row === undefined ? undefined : reportOf(row);
    },

    async drillReports({ drill, limit = 100 }) {
      let query = db
        .selectFrom("drill_reports")
        .select(["run_id", "drill", "result", "declared", "rta_seconds", "rpa_seconds", "proofs", "report"]);
      if (drill !== undefined) query = query.where("drill", "=", drill);
      const rows = await query
        .orderBy("declared_ms", "desc")
        .limit(Math.min(Math.max(limit, 1), 1000))
        .execute();
      return rows.map((row) => reportOf({ ...row, html: null }));
    },
  };
}

function reportOf(row: Omit<Selectable<Tables["drill_reports"]>, "declared_ms">): DrillReportRow {
  return {
    runId: row.run_id,
    drill: row.drill,
    result: row.result as RunResult,
    declared: row.declared,
    rtaSeconds: row.rta_seconds,
    rpaSeconds: row.rpa_seconds,
    proofs: JSON.parse(row.proofs) as DrillReportRow["proofs"],
    report: row.report,
    ...(row.html === null ? {} : { html: row.html }),
  };
}
