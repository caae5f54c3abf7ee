import type { DrillReport } from "@lifeboat/drill";
import type { Repository } from "@lifeboat/engine";
import { assetOfSnapshot } from "@lifeboat/engine";
import { type JobContext, openChosenRepository } from "@lifeboat/jobs";
import {
  type CompiledConfig,
  type GoodCopy,
  messageOf,
  type ProtectionInput,
  type RestoreProof,
  type RunRecord,
} from "@lifeboat/model";
import type { Session } from "../session/session.ts";

/** So many records are read from one repository; more than a year of a busy installation would take minutes. */
const maxRecords = 20_000;
const parallel = 8;

export interface RepositoryHistory {
  readonly runs: readonly RunRecord[];
  readonly copies: readonly GoodCopy[];
  readonly proofs: readonly RestoreProof[];
  readonly drills: readonly DrillReport[];
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
  for (const name of config.repositories.keys()) {
    try {
      const repository = await openChosenRepository(context, { name });
      try {
        for (const record of await readSide<RunRecord>(session, repository, "run"))
          if (isRunRecord(record) && isLater(record, runs.get(record.id))) runs.set(record.id, record);
        for (const report of await readSide<DrillReport>(session, repository, "evidence"))
          if (isReport(report) && !(report.ended_at < (drills.get(report.run)?.ended_at ?? ""))) drills.set(report.run, report);
        copies.push(...(await goodCopies(session, repository, name, runs)));
      } finally {
        await repository.close();
      }
    } catch (error) {
      session.signal.throwIfAborted();
      session.output.note(`repository ${name}: ${messageOf(error)}`);
    }
  }
  const reports = [...drills.values()].sort((a, b) => (a.declared_at < b.declared_at ? 1 : -1));
  const newestFirst = [...runs.values()].sort((a, b) => Date.parse(b.slot) - Date.parse(a.slot));
  return { runs: newestFirst, copies, proofs: reports.flatMap(proofsOf), drills: reports };
}

/** Each attempt of a run keeps a record; they come in the order of their hashes, and the last one says how it ended. */
function isLater(record: RunRecord, known: RunRecord | undefined): boolean {
  if (known === undefined) return true;
  if (record.attempt !== known.attempt) return record.attempt > known.attempt;
  return Date.parse(record.ended) >= Date.parse(known.ended);
}

/** As `assessProtection` wants it. Nobody asks for a scheduler here. */
export function protectionInputOf(history: RepositoryHistory, config: CompiledConfig, nowMs: number): ProtectionInput {
  return { nowMs, config, runs: history.runs, copies: history.copies, proofs: history.proofs };
}

async function readSide<T>(session: Session, repository: Repository, kind: "run" | "evidence"): Promise<T[]> {
  const { signal } = session;
  const ids = (await repository.listSide(kind, { signal })).slice(0, maxRecords);
  const values: T[] = [];
  let next = 0;
  const read = async () => {
    while (next < ids.length) {
      signal.throwIfAborted();
      const id = ids[next++]!;
      try {
        values.push((await repository.loadSide(kind, id, { signal })) as T);
      } catch (error) {
        session.logger.warn({ id, cause: messageOf(error) }, `a record of kind ${kind} cannot be read`);
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, read));
  return values;
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
    const run = snapshot.tags?.find((tag) => tag.startsWith("run="))?.slice("run=".length);
    const result = run === undefined ? undefined : runs.get(run)?.result;
    const passed = result === undefined ? snapshot.lifeboat?.problem_count === 0 : result === "passed";
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
