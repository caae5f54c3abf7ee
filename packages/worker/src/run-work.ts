import type { RunRow } from "@lifeboat/catalog";
import type { JobContext, RunOrder } from "@lifeboat/jobs";
import type { RunRecord } from "@lifeboat/model";
import type { WorkerOptions } from "./worker-options.ts";

/** One claimed run. */
export interface RunWork {
  readonly run: RunRow;
  readonly context: JobContext;
  readonly order: RunOrder;
  readonly worker: WorkerOptions;
}

/** What a kind of run gives back; `error` decides about another attempt. */
export interface WorkOutcome {
  readonly record: RunRecord;
  readonly error: unknown;
}

export type RunKindHandler = (work: RunWork) => Promise<WorkOutcome>;
