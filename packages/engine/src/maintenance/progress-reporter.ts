import type { Clock, ProgressListener, ProgressStatus } from "@lifeboat/model";

const intervalMilliseconds = 250;

export interface ProgressReporter {
  /** At most four times a second; `status` is asked for only when it is told. */
  tell(status: () => Omit<ProgressStatus, "message_type" | "seconds_elapsed">): void;
}

/** Says how far a maintenance step is, with the time left where `percent_done` is known. */
export function createProgressReporter(clock: Clock, listener: ProgressListener | undefined): ProgressReporter {
  if (listener === undefined) return { tell() {} };
  const started = clock.now();
  let next = started;
  return {
    tell(status) {
      const now = clock.now();
      if (now < next) return;
      next = now + intervalMilliseconds;
      const seconds = (now - started) / 1000;
      const told = status();
      const ratio = told.percent_done;
      listener({
        message_type: "status",
        seconds_elapsed: Math.round(seconds),
        ...(ratio !== undefined &&
          ratio > 0.01 &&
          ratio < 1 && { seconds_remaining: Math.round((seconds / ratio) * (1 - ratio)) }),
        ...told,
      });
    },
  };
}
