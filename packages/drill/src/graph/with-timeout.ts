import { type Clock, LifeboatError } from "@lifeboat/model";

/**
 * Runs `work` with a signal that aborts after `seconds` (error drill-timeout) or with `parent`. It does not wait for work
 * that ignores its signal: a drill ends at its deadline, whatever hangs.
 */
export async function withTimeout<T>(
  clock: Clock,
  seconds: number,
  what: string,
  parent: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  parent.throwIfAborted();
  const timeout = new AbortController();
  const timer = new AbortController();
  const signal = AbortSignal.any([parent, timeout.signal]);
  clock.sleep(seconds * 1000, timer.signal).then(
    () => timeout.abort(new LifeboatError("drill-timeout", `${what} was not done after ${seconds} s`)),
    () => {},
  );
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => {});
  const running = work(signal);
  running.catch(() => {});
  try {
    return await Promise.race([running, aborted]);
  } catch (error) {
    // What broke because of the abort has the abort as its cause.
    throw signal.aborted ? signal.reason : error;
  } finally {
    timer.abort();
  }
}
