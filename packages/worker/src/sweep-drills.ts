import { sweepDrills } from "@lifeboat/drill";
import { messageOf } from "@lifeboat/model";
import type { WorkerOptions } from "./worker-options.ts";

const pauseMs = 3600_000;

/** Removes what drills have left, at once and every hour, until the signal. Never rejects. */
export async function keepSweeping(
  { config, jobs, stateFolder }: Pick<WorkerOptions, "config" | "jobs" | "stateFolder">,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for (const { drill, run, things } of await sweepDrills({ ...jobs, config, signal }, { folder: `${stateFolder}/drills` })) {
        const left = things.filter(({ state }) => state === "left");
        if (left.length === 0) jobs.logger.info({ drill, run, things: things.length }, "a drill's leftovers were removed");
        else if (!signal.aborted) {
          const cause = left.map(({ what, machine, detail }) => `${what} on ${machine}: ${detail}`).join("; ");
          jobs.logger.warn({ drill, run, cause }, "a drill's leftovers could not be removed, it is tried again in an hour");
        }
      }
    } catch (error) {
      if (!signal.aborted) jobs.logger.warn({ cause: messageOf(error) }, "drills' leftovers could not be looked for");
    }
    await jobs.clock.sleep(pauseMs, signal).catch(() => undefined);
  }
}
