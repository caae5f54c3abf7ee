import { isLifeboatError } from "@lifeboat/model";
import type { WorkerOptions } from "./worker-options.ts";

/** With what each try itself waits for a busy file, less than the silence after which a run is taken as lost. */
const pausesMs = [500, 2000, 5000, 10_000];

/**
 * Tells the history something that was costly to find out: work that is done must not be done again because the history was busy for
 * some seconds. What it says in the end, or at once when it is no failure of the history, is thrown.
 */
export async function keepTrying<T>({ clock, logger }: WorkerOptions["jobs"], tell: () => Promise<T>): Promise<T> {
  for (const pauseMs of pausesMs) {
    try {
      return await tell();
    } catch (error) {
      if (!isLifeboatError(error, "catalog-failed")) throw error;
      logger.warn({ cause: error.message }, "the history could not be told, trying again");
      await clock.sleep(pauseMs);
    }
  }
  return tell();
}
