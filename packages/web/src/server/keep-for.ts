import type { Clock } from "@lifeboat/model";

/** Asks again when the last answer is older than that (or the clock went back); askers at the same time share one answer. */
export function keepFor<T>(clock: Clock, milliseconds: number, ask: () => Promise<T>): () => Promise<T> {
  let askedMs = Number.NEGATIVE_INFINITY;
  let answer: Promise<T> | undefined;
  return () => {
    const nowMs = clock.now();
    if (answer === undefined || !(Math.abs(nowMs - askedMs) < milliseconds)) {
      askedMs = nowMs;
      const asked = ask();
      answer = asked;
      // What failed is asked again by the next one.
      asked.catch(() => {
        if (answer === asked) answer = undefined;
      });
    }
    return answer;
  };
}
