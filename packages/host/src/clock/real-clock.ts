import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "@lifeboat/model";

/** setTimeout counts in a signed 32-bit number and fires at once beyond it. */
const longestTimerMs = 2 ** 31 - 1;

/** The machine's clock. Every other room gets this one (or a test's) as an argument. */
export function realClock(): Clock {
  return {
    now: () => Date.now(),
    async sleep(milliseconds, signal) {
      signal?.throwIfAborted();
      let left = Math.max(0, milliseconds);
      do {
        const part = Math.min(left, longestTimerMs);
        try {
          await wait(part, undefined, signal === undefined ? {} : { signal });
        } catch (error) {
          signal?.throwIfAborted();
          throw error;
        }
        left -= part;
      } while (left > 0);
    },
  };
}
