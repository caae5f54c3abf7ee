import { type CheckReport, checkRepository, type ReadDataChoice } from "@lifeboat/engine";
import type { JobContext } from "./job-context.ts";
import type { RepositoryChoice } from "./open-repository.ts";
import { type JobOutcome, runRepositoryJob } from "./run-job.ts";
import type { RunOrder } from "./run-record.ts";
import { withLock } from "./with-lock.ts";

export interface CheckOrder extends RunOrder {
  readonly repository: RepositoryChoice;
  readonly readData: ReadDataChoice;
}

/** Is the repository sound? Holds a shared lock: backups go on, prune waits. */
export async function runCheck(
  context: JobContext,
  order: CheckOrder,
): Promise<JobOutcome & { readonly report: CheckReport | undefined }> {
  let report: CheckReport | undefined;
  const outcome = await runRepositoryJob(context, order, order.repository, (repository) =>
    withLock(context, repository, false, async () => {
      const { signal, clock, progress } = context;
      report = await checkRepository(repository, { readData: order.readData, signal, clock, progress });
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
    }),
  );
  return { ...outcome, report };
}
