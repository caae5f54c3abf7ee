import type { Generated, Selectable } from "kysely";

/** Rows as they lie in the database. Times are integers of milliseconds; JSON is text. */
export interface Tables {
  runs: RunTable;
  attempts: AttemptTable;
  schedules: ScheduleTable;
  snapshots: SnapshotTable;
  drill_reports: DrillReportTable;
  configs: ConfigTable;
  beats: BeatTable;
  migrations: { name: string; applied_ms: number };
}

interface RunTable {
  id: string;
  kind: string;
  object: string;
  policy: string | null;
  slot: string;
  slot_ms: number;
  by_hand: number;
  /** JSON: what a person asked for beyond the object, e.g. where a restore goes. Never a secret. */
  request: string | null;
  state: string;
  attempt: number;
  not_before_ms: number;
  owner: string | null;
  heartbeat_ms: number | null;
  recorded_ms: number;
  started: string | null;
  started_ms: number | null;
  ended: string | null;
  ended_ms: number | null;
  result: string | null;
  cause: string | null;
  code: string | null;
  repository: string | null;
  snapshot: string | null;
  figures: string | null;
  problems: string | null;
  problem_count: number | null;
  lost: string | null;
  host: string | null;
}
export type RunTableRow = Selectable<RunTable>;

interface AttemptTable {
  run_id: string;
  attempt: number;
  owner: string;
  started_ms: number;
  ended_ms: number | null;
  cause: string | null;
  code: string | null;
}

interface ScheduleTable {
  kind: string;
  object: string;
  known_since_ms: number;
  last_slot_ms: number | null;
}

interface SnapshotTable {
  repository: string;
  id: string;
  original: string;
  asset: string | null;
  run: string | null;
  time: string;
  time_ms: number;
  bytes: number | null;
  files: number | null;
}

interface DrillReportTable {
  run_id: string;
  drill: string;
  result: string;
  declared: string;
  declared_ms: number;
  rta_seconds: number | null;
  rpa_seconds: number | null;
  proofs: string;
  report: string;
  html: string | null;
}

interface ConfigTable {
  number: Generated<number>;
  sha256: string;
  text: string;
  applied_by: string;
  applied_ms: number;
}

interface BeatTable {
  program: string;
  instance: string;
  at_ms: number;
  detail: string | null;
}
