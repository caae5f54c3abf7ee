import { type Clock, LifeboatError } from "@lifeboat/model";

/** How long work may take to end after its signal, so that nothing is removed under its hands. */
const graceSeconds = 5;

/**
 * Runs `work` with a signal that aborts after `seconds` (error drill-timeout) or with `parent`. Work that ignores its signal
 * is left behind after a short grace: a drill ends at its deadline, whatever hangs.
 */
export async function withTimeout<T>(
  clock: Clock,
  seconds: number,
  what: string,
  parent: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  grace = graceSeconds,
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
    if (!signal.aborted) throw error;
    const enough = new AbortController();
    const settled = running.then(
      () => {},
      () => {},
    );
    await Promise.race([settled, clock.sleep(grace * 1000, enough.signal).catch(() => {})]);
    enough.abort();
    // What broke because of the abort has the abort as its cause.
    throw signal.reason;
  } finally {
    timer.abort();
  }
}
