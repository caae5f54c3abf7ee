export type { DrillEvent } from "./ports.ts";
export type {
  DrillAchieved,
  DrillAssetReport,
  DrillCause,
  DrillCheckReport,
  DrillOutcome,
  DrillReport,
  DrillStepReport,
} from "./report/drill-report.ts";
export { renderDrillReportHtml } from "./report/render-html.ts";
export { renderDrillReportJunit } from "./report/render-junit.ts";
export { renderDrillReportText } from "./report/render-text.ts";
export type { KeptDrill, SweptDrill } from "./teardown/sweep-leftovers.ts";
export { type DrillJobOrder, runDrillJob } from "./wiring/run-drill-job.ts";
export { type SweepOrder, sweepDrills } from "./wiring/sweep-drills.ts";
