import { runForget } from "@lifeboat/jobs";
import type { RunKindHandler } from "../run-work.ts";

export const forgetRun: RunKindHandler = async ({ context, order, run, worker }) => {
  const outcome = await runForget(context, { ...order, asset: run.object });
  if (outcome.error === undefined) {
    for (const [repository, choice] of outcome.choices) {
      await worker.catalog.forgetSnapshots(
        repository,
        choice.remove.map(({ id }) => id),
      );
    }
  }
  return outcome;
};
