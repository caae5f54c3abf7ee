import {
  describeLosses,
  describeSkew,
  type ErrorRow,
  errorCodes,
  exitCodeOf,
  type HostFacts,
  isToldByTimeAlone,
  type RunRecord,
  skewWarning,
} from "@lifeboat/model";
import type { Session } from "../session/session.ts";
import { countOf, formatBytes } from "./format-size.ts";
import { formatSpan } from "./format-time.ts";
import { oneLine } from "./one-line.ts";

const marks: Readonly<Record<string, string>> = {
  passed: "✓",
  incomplete: "!",
  failed: "✗",
  inconclusive: "?",
  skipped: "-",
  cancelled: "-",
};

/** "✓", with a word beside it always: state is never a colour or a sign alone. */
export function markOf(result: string): string {
  return marks[result] ?? "?";
}

/** As the command ends: an error that has an exit code of its own keeps it. */
function exitCodeOfRecord({ result, kind, code }: RunRecord): number {
  const known = result === "failed" && code !== null ? (errorCodes as Readonly<Record<string, ErrorRow>>)[code]?.exit : undefined;
  return known ?? exitCodeOf(result, kind);
}

/** restic's summary with the run's own fields. */
export function runSummary(record: RunRecord) {
  const seconds = secondsOf(record);
  return {
    schema: "lifeboat.job/1",
    message_type: "summary",
    job: record.id,
    kind: record.kind,
    object: record.object,
    policy: record.policy,
    result: record.result,
    exit_code: exitCodeOfRecord(record),
    ...(record.kind === "backup" && { asset: record.object }),
    ...(record.snapshot !== null && { snapshot_id: record.snapshot }),
    ...(record.repository !== null && { repository: record.repository }),
    cause: record.cause,
    code: record.code,
    slot: record.slot,
    attempt: record.attempt,
    backup_start: record.started,
    backup_end: record.ended,
    total_duration: seconds,
    error_count: record.problemCount,
    problems: record.problems,
    ...(record.lost !== undefined && { lost: record.lost }),
    ...(record.host !== undefined && { host: record.host }),
    ...record.figures,
  };
}

export interface ShowRunOptions {
  /** The error that ended the run is shown next, with its own words: the line says only which run it was. */
  readonly isErrorNext?: boolean;
}

/** One line, and what could not be read below it. */
export function runLines(record: RunRecord, { isErrorNext = false }: ShowRunOptions = {}): string[] {
  const isTold = record.result === "passed" || isErrorNext;
  const word = record.result === "passed" ? "" : ` ${record.result.toUpperCase()}`;
  const parts = [figuresText(record), isTold ? "" : oneLine(record.cause ?? "")].filter(Boolean);
  const said = parts.length === 0 ? "" : ` ${parts.join("; ")}`;
  const snapshot = record.snapshot === null ? "" : `  snapshot ${record.snapshot.slice(0, 8)}`;
  const lines = [`${record.object}  ${markOf(record.result)}${word}${said}  ${formatSpan(secondsOf(record))}${snapshot}`];
  if (record.lost !== undefined) lines.push(oneLine(`  read over SFTP ${lossesText(record.lost)}`));
  const skew = record.host && skewWarning(record.host);
  if (skew !== undefined) lines.push(`  ! host: ${skew}; start time synchronisation`);
  for (const { path, kind, detail } of record.problems.slice(0, 10)) lines.push(oneLine(`  ! ${path}: ${kind}: ${detail}`));
  if (record.problemCount > 10) lines.push(`  ! and ${record.problemCount - 10} more: lifeboat job show ${record.id}`);
  return lines;
}

/** "without change times, inodes; a change ... is not seen", for a line that begins with what was done so. */
export function lossesText(lost: readonly string[]): string {
  const unseen = isToldByTimeAlone(lost) ? "; a change within the same second that keeps the size is not seen" : "";
  return `without ${describeLosses(lost)}${unseen}`;
}

/** What a host said of itself, in one line. */
export function hostText({ system, kernel, find, tar, sudo, clock_skew_ms: skew }: HostFacts): string {
  const parts = [
    system,
    kernel,
    find,
    tar,
    sudo && `sudo: ${sudo.join(", ") || "refused"}`,
    skew !== undefined && describeSkew(skew),
  ];
  return oneLine(parts.filter(Boolean).join("; "));
}

export function figuresText({ figures }: Pick<RunRecord, "figures">): string {
  const parts: string[] = [];
  const {
    total_files_processed,
    total_bytes_processed,
    data_added,
    data_added_packed,
    bytes_received,
    bytes_resumed,
    bytes_unmoved,
  } = figures;
  if (total_files_processed !== undefined) parts.push(countOf(total_files_processed, "file"));
  if (total_bytes_processed !== undefined) parts.push(formatBytes(total_bytes_processed));
  if (data_added !== undefined) parts.push(`${formatBytes(data_added)} new`);
  if (data_added_packed !== undefined) parts.push(`${formatBytes(data_added_packed)} stored`);
  if (bytes_received !== undefined) parts.push(`${formatBytes(bytes_received)} over SSH`);
  if (bytes_resumed !== undefined) parts.push(`${formatBytes(bytes_resumed)} kept from a run that was stopped`);
  if (bytes_unmoved !== undefined) parts.push(`${formatBytes(bytes_unmoved)} of changed files not moved`);
  if (parts.length > 0) return parts.join(", ");
  return Object.entries(figures)
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${/bytes/.test(name) ? formatBytes(value) : value}`)
    .join(", ");
}

export async function showRun(session: Session, record: RunRecord, options?: ShowRunOptions): Promise<void> {
  session.output.status(undefined);
  if (session.json) await session.answer(runSummary(record));
  else if (record.result !== "passed" || !session.quiet) for (const line of runLines(record, options)) session.output.note(line);
}

export function secondsOf({ started, ended }: Pick<RunRecord, "started" | "ended">): number {
  return Math.max(0, (Date.parse(ended) - Date.parse(started)) / 1000);
}
