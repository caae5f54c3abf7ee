/** Say nothing of the way: the object is not there, or the store is busy, broken or in the middle of something. */
const passing = new Set([404, 408, 409, 416, 429]);

/**
 * Whether requests of one kind are sent without the SDK: until the SDK gets through where the short way never did. A single refusal between
 * successes, and whatever passes by itself, cost one more request and change nothing: the long way takes many times the work.
 */
export class ShortWay {
  #state: "unknown" | "works" | "useless" = "unknown";

  get isOpen(): boolean {
    return this.#state !== "useless";
  }

  worked(): void {
    this.#state = "works";
  }

  /** The SDK got what was refused here with this HTTP status. */
  overtaken(status: number): void {
    const isLasting = status >= 200 && status < 500 && !passing.has(status);
    if (isLasting && this.#state === "unknown") this.#state = "useless";
  }
}
