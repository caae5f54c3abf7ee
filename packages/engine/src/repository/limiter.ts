/** Bounds what is under way at once, counted in bytes or in pieces. First come, first served. */
export class Limiter {
  readonly #limit: number;
  #used = 0;
  readonly #waiting: { amount: number; start: () => void; fail: (error: unknown) => void }[] = [];
  #failure: { error: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** Waits until `amount` fits; an amount above the limit waits until it is alone. */
  async acquire(amount: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#waiting.length === 0 && (this.#used === 0 || this.#used + amount <= this.#limit)) {
      this.#used += amount;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ amount, start: resolve, fail: reject });
    await promise;
  }

  release(amount: number): void {
    this.#used -= amount;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#used > 0 && this.#used + next.amount > this.#limit) return;
      this.#waiting.shift();
      this.#used += next.amount;
      next.start();
    }
  }

  /** Everybody who waits, now or later, gets the error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { fail } of this.#waiting.splice(0)) fail(error);
  }
}
