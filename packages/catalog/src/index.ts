export {
  type AppliedConfig,
  type AttemptRow,
  type BackupEnd,
  type Beat,
  type Catalog,
  type Claim,
  type DrillReportRow,
  type HistoryFilter,
  type NewRun,
  type Release,
  type RunCount,
  type RunRow,
  type ScheduleName,
  type ScheduleState,
  type SeenSnapshot,
  type SnapshotFilter,
  scheduleKey,
} from "./catalog.ts";
export { openCatalog } from "./open-catalog.ts";
export { collectProtection } from "./protection/collect-protection.ts";
