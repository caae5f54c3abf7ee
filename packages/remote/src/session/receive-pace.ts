import type { Clock } from "@lifeboat/model";

/**
 * Takes output no faster than a rate. What is not taken stays in the channel's window, and the host's program waits; so what
 * the window holds may come at once: 2 MiB, or what comes in a quarter of a second.
 */
export class ReceivePace {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  /** When all that was taken so far will have had its time; milliseconds. */
  #free = 0;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
  }

  async *slow(output: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of output) {
      yield chunk;
      const now = this.#clock.now();
      this.#free = Math.max(now, this.#free) + (chunk.length / this.#bytesPerSecond) * 1000;
      if (this.#free > now) await this.#clock.sleep(this.#free - now, signal);
    }
  }
}
