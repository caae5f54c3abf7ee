import { describe, expect, it } from "vitest";
import { Limiter } from "./limiter.ts";

const settled = async (promise: Promise<void>) => {
  let done = false;
  void promise.then(
    () => {
      done = true;
    },
    () => {},
  );
  await new Promise((resolve) => setImmediate(resolve));
  return done;
};

describe("a limiter", () => {
  it("lets in what fits, in order, and the rest when there is room", async () => {
    const limiter = new Limiter(10);
    await limiter.acquire(6);
    const large = limiter.acquire(8);
    const small = limiter.acquire(1);
    expect(await settled(large)).toBe(false);
    expect(await settled(small)).toBe(false);
    limiter.release(6);
    expect(await settled(large)).toBe(true);
    expect(await settled(small)).toBe(true);
    expect(limiter.used).toBe(9);
  });

  it("lets in more than its limit alone", async () => {
    const limiter = new Limiter(10);
    const huge = limiter.acquire(25);
    expect(await settled(huge)).toBe(true);
    const next = limiter.acquire(1);
    expect(await settled(next)).toBe(false);
    limiter.release(25);
    expect(await settled(next)).toBe(true);
  });

  it("fails who waits and who comes later", async () => {
    const limiter = new Limiter(1);
    await limiter.acquire(1);
    const waiting = limiter.acquire(1);
    limiter.fail(new Error("over"));
    await expect(waiting).rejects.toThrow("over");
    await expect(limiter.acquire(1)).rejects.toThrow("over");
  });
});
