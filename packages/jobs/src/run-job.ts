import type { Repository } from "@lifeboat/engine";
import { isLifeboatError, messageOf, type RunRecord } from "@lifeboat/model";
import type { JobContext } from "./job-context.ts";
import { openChosenRepository, type RepositoryChoice } from "./open-repository.ts";
import { createRunRecord, endOfError, type RunEnd, type RunOrder, saveRunRecord } from "./run-record.ts";

export interface JobOutcome {
  readonly record: RunRecord;
  /** Present when the run failed: what to show and how to exit. */
  readonly error: unknown;
}

/**
 * What all jobs on one repository share: open it, do the work, keep the record beside the snapshots, close it. Never throws for failed
 * work: the outcome says so, and the record is stored where the repository can be reached.
 */
export async function runRepositoryJob(
  context: JobContext,
  order: RunOrder,
  choice: RepositoryChoice,
  /** `learn`: what the record is to have also when the work fails later. */
  work: (repository: Repository, learn: (known: Pick<RunEnd, "host">) => void) => Promise<RunEnd>,
  /** `isReadOnly`: no record is stored. */
  { isReadOnly = false }: { readonly isReadOnly?: boolean } = {},
): Promise<JobOutcome> {
  const started = context.clock.now();
  const name = "name" in choice ? choice.name : undefined;
  let repository: Repository | undefined;
  let known: Pick<RunEnd, "host"> = {};
  const learn = (more: Pick<RunEnd, "host">) => {
    known = { ...known, ...more };
  };
  try {
    repository = await openChosenRepository(context, choice);
    const record = createRunRecord(order, started, context.clock, { repository: name, ...(await work(repository, learn)) });
    if (!isReadOnly) await saveRunRecord(repository, record);
    return { record, error: undefined };
  } catch (error) {
    const end = { ...known, ...endOfError(error, context.signal), repository: name };
    const record = createRunRecord(order, started, context.clock, end);
    await repository?.close().catch(() => {});
    await saveFailure(context, choice, record, repository !== undefined && !isReadOnly);
    return { record, error };
  } finally {
    await repository?.close();
  }
}

/** Through a connection of its own: the job's may be what broke. */
async function saveFailure(context: JobContext, choice: RepositoryChoice, record: RunRecord, wasOpen: boolean): Promise<void> {
  if (!wasOpen) return;
  try {
    const repository = await openChosenRepository(context, choice);
    await saveRunRecord(repository, record).finally(() => repository.close());
  } catch (error) {
    // What stopped the run itself is told once, by its error.
    const isKnown = isLifeboatError(error) && error.code === record.code;
    context.logger[isKnown ? "info" : "warn"]({ cause: messageOf(error) }, "the run record could not be stored");
  }
}
