import { findRepository, runCheck } from "@lifeboat/jobs";
import type { RunKindHandler } from "../run-work.ts";

export const checkRun: RunKindHandler = ({ context, order, run }) => {
  const { check } = findRepository(context, run.object);
  return runCheck(context, { ...order, repository: { name: run.object }, readData: check?.readData ?? false });
};
