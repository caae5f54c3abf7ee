import type { DrillReport } from "@lifeboat/drill";
import type { Repository } from "@lifeboat/engine";
import { assetOfSnapshot, isRepaired, runOfSnapshot } from "@lifeboat/engine";
import { type JobContext, openChosenRepository } from "@lifeboat/jobs";
import {
  type CompiledConfig,
  type GoodCopy,
  isLifeboatError,
  messageOf,
  type ProtectionInput,
  type RestoreProof,
  type RunRecord,
} from "@lifeboat/model";
import type { Session } from "../session/session.ts";
import { readSideRecords } from "./read-side-records.ts";

export interface RepositoryHistory {
  readonly runs: readonly RunRecord[];
  readonly copies: readonly GoodCopy[];
  readonly proofs: readonly RestoreProof[];
  readonly drills: readonly DrillReport[];
  /** By name: repositories of which not everything could be read, and what. */
  readonly unread: ReadonlyMap<string, string>;
}

/** What happened, from the records that lie beside the snapshots: without any service, also after it was lost. */
export async function readRepositoryHistory(
  session: Session,
  context: JobContext,
  config: CompiledConfig,
): Promise<RepositoryHistory> {
  const runs = new Map<string, RunRecord>();
  const drills = new Map<string, DrillReport>();
  const copies: GoodCopy[] = [];
  const unread = new Map<string, string>();
  const primaries = new Set([...config.policies.values()].map(({ repository }) => repository));
  for (const name of config.repositories.keys()) {
    try {
      const repository = await openChosenRepository(context, { name });
      try {
        const records = await readSideRecords<RunRecord>(repository, "run", session);
        for (const record of records.values)
          if (isRunRecord(record) && isLater(record, runs.get(record.id))) runs.set(record.id, record);
        const reports = await readSideRecords<DrillReport>(repository, "evidence", session);
        for (const report of reports.values)
          if (isReport(report) && !(report.ended_at < (drills.get(report.run)?.ended_at ?? ""))) drills.set(report.run, report);
        const missing = [records.missing, reports.missing].filter((part) => part !== undefined).join(", ");
        if (missing !== "") {
          unread.set(name, missing);
          session.output.note(`repository ${name}: ${missing}`);
        }
        copies.push(...(await goodCopies(session, repository, name, runs)));
      } finally {
        await repository.close();
      }
    } catch (error) {
      session.signal.throwIfAborted();
      session.output.note(`repository ${name}: ${messageOf(error)}`);
      // A second site that nobody has made yet is an answer: no copy lies there. Where a policy's own is missing, something is wrong.
      if (primaries.has(name) || !isLifeboatError(error, "repository-missing")) unread.set(name, messageOf(error));
    }
  }
  const reports = [...drills.values()].sort((a, b) => (a.declared_at < b.declared_at ? 1 : -1));
  const newestFirst = [...runs.values()].sort((a, b) => Date.parse(b.slot) - Date.parse(a.slot));
  return { runs: newestFirst, copies, proofs: reports.flatMap(proofsOf), drills: reports, unread };
}

/** Each attempt of a run keeps a record; they come in the order of their hashes, and the last one says how it ended. */
function isLater(record: RunRecord, known: RunRecord | undefined): boolean {
  if (known === undefined) return true;
  if (record.attempt !== known.attempt) return record.attempt > known.attempt;
  return Date.parse(record.ended) >= Date.parse(known.ended);
}

/** As `assessProtection` wants it. Nobody asks for a scheduler here. */
export function protectionInputOf(history: RepositoryHistory, config: CompiledConfig, nowMs: number): ProtectionInput {
  const { runs, copies, proofs, unread } = history;
  return { nowMs, config, runs, copies, proofs, unread };
}

async function goodCopies(
  session: Session,
  repository: Repository,
  name: string,
  runs: ReadonlyMap<string, RunRecord>,
): Promise<GoodCopy[]> {
  const snapshots = await repository.listSnapshots({ signal: session.signal });
  return snapshots.flatMap((snapshot) => {
    const asset = assetOfSnapshot(snapshot);
    const run = runOfSnapshot(snapshot);
    const result = run === undefined ? undefined : runs.get(run)?.result;
    const problems = snapshot.lifeboat?.problem_count;
    // What its run had made whole may have lost content since, at a repair.
    const passed =
      (result === undefined ? problems === 0 : result === "passed" && (problems ?? 0) === 0) && !isRepaired(snapshot);
    return asset !== undefined && passed
      ? [{ repository: name, asset, timeMs: Date.parse(snapshot.time), snapshot: snapshot.id }]
      : [];
  });
}

export function proofsOf(report: DrillReport): RestoreProof[] {
  return report.assets.map(({ asset, proved_by, restored }) => ({
    asset,
    drill: report.drill,
    runId: report.run,
    declaredMs: Date.parse(report.declared_at),
    outcome:
      report.outcome === "failed"
        ? "failed"
        : report.outcome === "passed" && restored && proved_by.length > 0
          ? "proven"
          : "inconclusive",
    rtaSeconds: report.achieved.rta_s,
  }));
}

/** Records come from a store that others may write to. */
function isRunRecord(value: unknown): value is RunRecord {
  const record = value as Partial<RunRecord> | null;
  return record?.schema === "lifeboat.run/1" && typeof record.id === "string" && typeof record.slot === "string";
}

function isReport(value: unknown): value is DrillReport {
  const report = value as Partial<DrillReport> | null;
  return report?.schema === "lifeboat.drill/1" && typeof report.run === "string" && Array.isArray(report.assets);
}
