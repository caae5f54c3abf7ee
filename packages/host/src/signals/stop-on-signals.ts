import { exitCodes, LifeboatError } from "@lifeboat/model";

const watched = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Shorter than anyone presses Ctrl-C twice on purpose. */
const oneInterruptMs = 500;

export interface StopSignal extends Disposable {
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP with a LifeboatError `cancelled`. */
  readonly signal: AbortSignal;
  /** Aborts from inside the program, with the same meaning. */
  stop(reason: LifeboatError): void;
}

/**
 * First Ctrl-C: finish in order (locks removed, nothing half done). Second Ctrl-C: end at once, as restic does; what is left is
 * what a kill leaves. One Ctrl-C may arrive twice, from the group and passed on by whoever started the program: what comes with the
 * first SIGINT is that one still. Other signals repeated change nothing, because service managers send them more than once.
 */
export function stopOnSignals(): StopSignal {
  const controller = new AbortController();
  let interruptedAt: number | undefined;
  const handlers = watched.map((name) => {
    const handler = () => {
      const now = performance.now();
      const isEcho = interruptedAt !== undefined && now - interruptedAt < oneInterruptMs;
      if (name === "SIGINT") interruptedAt ??= now;
      if (!controller.signal.aborted) {
        controller.abort(new LifeboatError("cancelled", `stopped by ${name}`, { context: { signal: name } }));
      } else if (name === "SIGINT" && !isEcho) {
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
