import type { Repository, RepositoryLock } from "@lifeboat/engine";
import { type JobContext, openChosenRepository, type RepositoryChoice, withLock } from "@lifeboat/jobs";
import type { CompiledConfig, ProgressListener } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";
import { type ChosenRepository, chooseRepository } from "./choose-repository.ts";
import { openJobContext } from "./open-job-context.ts";
import type { Session } from "./session.ts";

export interface OpenedRepository {
  readonly config: CompiledConfig | undefined;
  readonly choice: RepositoryChoice;
  readonly context: JobContext;
  readonly repository: Repository;
  /** undefined when none was asked for. */
  readonly lock: RepositoryLock | undefined;
}

export interface WithRepositoryOptions {
  readonly lock: "none" | "shared" | "exclusive";
  readonly progress?: ProgressListener | undefined;
  /** Where it is known already; default the one that the options name. */
  readonly chosen?: ChosenRepository | undefined;
}

/** Opens the repository, holds the lock while `work` runs, and closes it. */
export async function withChosenRepository<T>(
  session: Session,
  values: OptionValues,
  options: WithRepositoryOptions,
  work: (opened: OpenedRepository) => Promise<T>,
): Promise<T> {
  const { config, choice } = options.chosen ?? (await chooseRepository(session, values));
  const context = openJobContext(session, { config, writes: options.lock !== "none", progress: options.progress });
  const repository = await openChosenRepository(context, choice);
  try {
    const opened = { config, choice, context, repository };
    if (options.lock === "none") return await work({ ...opened, lock: undefined });
    return await withLock(context, repository, options.lock === "exclusive", (lock) => work({ ...opened, lock }));
  } finally {
    await repository.close();
  }
}
