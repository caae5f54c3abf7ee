import { expect, test } from "vitest";
import { realClock } from "./real-clock.ts";

test("a sleep ends with the signal's reason, before it and while it lasts", async () => {
  const clock = realClock();
  const reason = new Error("stop");
  await expect(clock.sleep(0, AbortSignal.abort(reason))).rejects.toBe(reason);
  const controller = new AbortController();
  // far beyond what one timer can count: it must not fire at once
  const sleep = clock.sleep(2 ** 40, controller.signal);
  const first = await Promise.race([sleep.then(() => "woke"), clock.sleep(20).then(() => "still asleep")]);
  expect(first).toBe("still asleep");
  controller.abort(reason);
  await expect(sleep).rejects.toBe(reason);
});
