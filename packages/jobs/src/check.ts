import {
  type CheckedStructure,
  type CheckReport,
  checkContent,
  checkStructure,
  isStructureStillThere,
  type ReadDataChoice,
  type Repository,
} from "@lifeboat/engine";
import type { JobContext } from "./job-context.ts";
import type { RepositoryChoice } from "./open-repository.ts";
import { type JobOutcome, runRepositoryJob } from "./run-job.ts";
import type { RunEnd, RunOrder } from "./run-record.ts";
import { withLockAndView } from "./with-lock.ts";

export interface CheckOrder extends RunOrder {
  readonly repository: RepositoryChoice;
  readonly readData: ReadDataChoice;
  /** Believe what this machine keeps of the repository's metadata. */
  readonly withCache?: boolean | undefined;
  /** For a repository that can only be read: neither a lock nor a record is stored, and a prune that runs meanwhile shows as damage. */
  readonly noLock?: boolean | undefined;
}

/** Is the repository sound? Holds a shared lock (unless told not to): backups go on, prune waits. */
export async function runCheck(
  context: JobContext,
  order: CheckOrder,
): Promise<JobOutcome & { readonly report: CheckReport | undefined }> {
  let report: CheckReport | undefined;
  const { readData, withCache } = order;
  const read = (repository: Repository, signal: AbortSignal) => checkStructure(repository, { withCache, signal });
  const check = async (structure: CheckedStructure): Promise<RunEnd> => {
    const { signal, clock, progress } = context;
    report = await checkContent(structure, { readData, signal, clock, progress });
    const [first] = report.errors;
    const figures = {
      packs: report.packs,
      blobs: report.blobs,
      snapshots: report.snapshots,
      bytes_read: report.bytesRead,
      errors: report.errors.length,
    };
    if (first === undefined) return { result: "passed", figures };
    const cause = `${report.errorCount} errors, first: ${first.kind} ${first.id}: ${first.detail}`.slice(0, 1000);
    return { result: "failed", figures, cause, code: "repository-damaged" };
  };
  const work = async (repository: Repository) => {
    if (order.noLock === true) return check(await read(repository, context.signal));
    const isStillThere = (structure: CheckedStructure, _: Repository, signal: AbortSignal) =>
      isStructureStillThere(structure, signal);
    return withLockAndView(context, repository, { read, isStillThere }, (_lock, _view, structure) => check(structure));
  };
  const outcome = await runRepositoryJob(context, order, order.repository, work, { isReadOnly: order.noLock === true });
  return { ...outcome, report };
}
