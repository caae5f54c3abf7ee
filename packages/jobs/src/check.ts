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
      packs_read: report.packsRead,
      bytes_read: report.bytesRead,
      errors: report.errors.length,
      // What a check that reads less would not see, so that it is not taken for the proof that it is gone.
      data_errors: countDataErrors(report),
      ...(withCache === true && { with_cache: 1 }),
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

/** Of the errors that were kept; where some were not, one of those may be of this kind. */
function countDataErrors({ errors, errorCount, packsRead }: CheckReport): number {
  const count = errors.filter(({ kind }) => kind === "pack-damaged").length;
  return count === 0 && errorCount > errors.length && packsRead > 0 ? 1 : count;
}
