import type { RunKind } from "@lifeboat/model";
import type { RunKindHandler } from "../run-work.ts";
import { backupRun } from "./backup-run.ts";
import { checkRun } from "./check-run.ts";
import { drillRun } from "./drill-run.ts";
import { forgetRun } from "./forget-run.ts";
import { pruneRun } from "./prune-run.ts";
import { replicateRun } from "./replicate-run.ts";
import { restoreRun } from "./restore-run.ts";

/** Adding a kind: a row in model's run kinds, a job, a file here. */
export const runKindHandlers: Record<RunKind, RunKindHandler> = {
  backup: backupRun,
  check: checkRun,
  drill: drillRun,
  forget: forgetRun,
  prune: pruneRun,
  replicate: replicateRun,
  restore: restoreRun,
};
