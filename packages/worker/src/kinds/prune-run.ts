import { findRepository, runPrune } from "@lifeboat/jobs";
import type { RunKindHandler } from "../run-work.ts";

export const pruneRun: RunKindHandler = ({ context, order, run }) => {
  const { prune } = findRepository(context, run.object);
  return runPrune(context, { ...order, repository: { name: run.object }, maxUnusedRatio: prune?.maxUnusedRatio ?? 0.05 });
};
