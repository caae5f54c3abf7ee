import { exitCodes, LifeboatError } from "@lifeboat/model";

const watched = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface StopSignal extends Disposable {
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP with a LifeboatError `cancelled`. */
  readonly signal: AbortSignal;
  /** Aborts from inside the program, with the same meaning. */
  stop(reason: LifeboatError): void;
}

/**
 * First Ctrl-C: finish in order (locks removed, nothing half done). Second Ctrl-C: end at once, as restic does; what is left is
 * what a kill leaves. Other signals repeated change nothing, because service managers send them more than once.
 */
export function stopOnSignals(): StopSignal {
  const controller = new AbortController();
  const handlers = watched.map((name) => {
    const handler = () => {
      if (!controller.signal.aborted) {
        controller.abort(new LifeboatError("cancelled", `stopped by ${name}`, { context: { signal: name } }));
      } else if (name === "SIGINT") {
        process.exit(exitCodes.cancelled);
      }
    };
    process.on(name, handler);
    return { name, handler };
  });
  return {
    signal: controller.signal,
    stop: (reason) => controller.abort(reason),
    [Symbol.dispose]() {
      for (const { name, handler } of handlers) process.off(name, handler);
    },
  };
}
