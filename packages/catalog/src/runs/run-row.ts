import type { HostFacts, RunKind, RunRecord, RunResult, RunState } from "@lifeboat/model";
import type { NewRun, RunRow } from "../catalog.ts";
import type { RunTableRow } from "../schema/tables.ts";

/** A record keeps its first problems only; whoever wrote it has bounded it, this is the last wall. */
const maxProblems = 1000;

export function rowOf(row: RunTableRow): RunRow {
  return {
    id: row.id,
    kind: row.kind as RunKind,
    object: row.object,
    policy: row.policy,
    slot: row.slot,
    slotMs: row.slot_ms,
    byHand: row.by_hand === 1,
    request: row.request,
    state: row.state as RunState,
    attempt: row.attempt,
    notBeforeMs: row.not_before_ms,
    owner: row.owner,
    heartbeatMs: row.heartbeat_ms,
    recordedMs: row.recorded_ms,
    startedMs: row.started_ms,
    endedMs: row.ended_ms,
    cause: row.cause,
    code: row.code,
    record: row.state === "settled" ? recordOf(row) : null,
  };
}

function recordOf(row: RunTableRow): RunRecord {
  return {
    schema: "lifeboat.run/1",
    id: row.id,
    kind: row.kind as RunKind,
    object: row.object,
    policy: row.policy,
    slot: row.slot,
    started: row.started ?? row.slot,
    ended: row.ended ?? row.slot,
    result: (row.result ?? "failed") as RunResult,
    attempt: row.attempt,
    cause: row.cause,
    code: row.code,
    repository: row.repository,
    snapshot: row.snapshot,
    figures: JSON.parse(row.figures ?? "{}") as RunRecord["figures"],
    problems: JSON.parse(row.problems ?? "[]") as RunRecord["problems"],
    problemCount: row.problem_count ?? 0,
    ...(row.lost !== null && { lost: JSON.parse(row.lost) as string[] }),
    ...(row.host !== null && { host: JSON.parse(row.host) as HostFacts }),
  };
}

export function pendingRow(run: NewRun, nowMs: number): RunTableRow {
  return {
    id: run.id,
    kind: run.kind,
    object: run.object,
    policy: run.policy,
    slot: run.slot,
    slot_ms: timeMs(run.slot, run.id),
    by_hand: run.byHand === true ? 1 : 0,
    request: run.request ?? null,
    state: "pending",
    attempt: 0,
    not_before_ms: 0,
    owner: null,
    heartbeat_ms: null,
    recorded_ms: nowMs,
    started: null,
    started_ms: null,
    ended: null,
    ended_ms: null,
    result: null,
    cause: null,
    code: null,
    repository: null,
    snapshot: null,
    figures: null,
    problems: null,
    problem_count: null,
    lost: null,
    host: null,
  };
}

/** The columns that settling writes. */
export function settledColumns(record: RunRecord) {
  return {
    state: "settled",
    owner: null,
    heartbeat_ms: null,
    started: record.started,
    started_ms: timeMs(record.started, record.id),
    ended: record.ended,
    ended_ms: timeMs(record.ended, record.id),
    result: record.result,
    attempt: record.attempt,
    cause: record.cause,
    code: record.code,
    repository: record.repository,
    snapshot: record.snapshot,
    figures: JSON.stringify(record.figures),
    problems: JSON.stringify(record.problems.slice(0, maxProblems)),
    problem_count: record.problemCount,
    lost: record.lost === undefined ? null : JSON.stringify(record.lost),
    host: record.host === undefined ? null : JSON.stringify(record.host),
  };
}

export function settledRow(record: RunRecord, nowMs: number): RunTableRow {
  return { ...pendingRow({ ...record, byHand: isByHand(record.id) }, nowMs), ...settledColumns(record) };
}

/** By-hand ids end in `Z-xxxx`: a schedule's slots are never counted from them. */
export function isByHand(runId: string): boolean {
  return runId.lastIndexOf("Z-") > runId.lastIndexOf("@");
}

function timeMs(text: string, runId: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new Error(`run ${runId}: '${text}' is not an RFC 3339 time`);
  return ms;
}
