import { type CheckReport, checkRepository, type ReadDataChoice, type Repository } from "@lifeboat/engine";
import type { JobContext } from "./job-context.ts";
import type { RepositoryChoice } from "./open-repository.ts";
import { type JobOutcome, runRepositoryJob } from "./run-job.ts";
import type { RunEnd, RunOrder } from "./run-record.ts";
import { withLock } from "./with-lock.ts";

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
  const check = async (repository: Repository): Promise<RunEnd> => {
    const { signal, clock, progress } = context;
    const { readData, withCache } = order;
    report = await checkRepository(repository, { readData, withCache, signal, clock, progress });
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
  const work = (repository: Repository) =>
    order.noLock === true ? check(repository) : withLock(context, repository, false, () => check(repository));
  const outcome = await runRepositoryJob(context, order, order.repository, work, { isReadOnly: order.noLock === true });
  return { ...outcome, report };
}
