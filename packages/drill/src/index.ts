export type { ControlOutcome, TriedDamage } from "./controls/control-outcome.ts";
export type {
  AssetKind,
  DatabasePorts,
  DrillEvent,
  DrillOptions,
  DrillPorts,
  HttpAnswer,
  PostgresServer,
  SampledFile,
  SelectedSnapshot,
  ThrowawayPostgres,
} from "./ports.ts";
export type {
  DrillAchieved,
  DrillAssetReport,
  DrillCause,
  DrillCheckReport,
  DrillOutcome,
  DrillReport,
  DrillStepReport,
} from "./report/drill-report.ts";
export { maskSecrets } from "./report/mask-secrets.ts";
export { renderDrillReportHtml } from "./report/render-html.ts";
export { renderDrillReportJunit } from "./report/render-junit.ts";
export { renderDrillReportText } from "./report/render-text.ts";
export { runDrill } from "./run-drill.ts";
export { type SweepOptions, type SweptDrill, sweepLeftovers } from "./teardown/sweep-leftovers.ts";
export type { RemovedThing } from "./teardown/tear-down.ts";
export { createDrillPorts, type DrillPortsOptions, type OpenedDrillPorts } from "./wiring/create-drill-ports.ts";
export { type DrillJobOrder, runDrillJob } from "./wiring/run-drill-job.ts";
export { type SweepOrder, sweepDrills } from "./wiring/sweep-drills.ts";
