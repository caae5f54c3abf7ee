import { Readable } from "node:stream";
import type { DirectConnection } from "./direct-connection.ts";

const partBytes = 256 * 1024;

/**
 * The body of an answer whose length is known. Whoever knows it reads by `readInto`, without a copy; for everyone else it
 * is an ordinary stream.
 */
export class DirectBody extends Readable {
  readonly #connection: DirectConnection;
  readonly #release: (reusable: boolean) => void;
  #remaining: number;
  #released = false;

  constructor(connection: DirectConnection, length: number, release: (reusable: boolean) => void) {
    super({ highWaterMark: partBytes });
    this.#connection = connection;
    this.#remaining = length;
    this.#release = release;
    if (length === 0) this.#finish(true);
  }

  /** Fills the target, which must not be longer than what remains. Rejects with the connection's error. */
  async readInto(target: Uint8Array): Promise<void> {
    if (target.length > this.#remaining) throw new RangeError(`${target.length} bytes wanted, ${this.#remaining} are left`);
    if (target.length === 0) return;
    try {
      await this.#connection.fill(target);
    } catch (error) {
      this.#finish(false);
      throw error;
    }
    this.#remaining -= target.length;
    if (this.#remaining === 0) this.#finish(true);
  }

  override _read(): void {
    if (this.#remaining === 0) {
      this.push(null);
      return;
    }
    const part = Buffer.allocUnsafeSlow(Math.min(partBytes, this.#remaining));
    this.readInto(part).then(
      () => this.push(part),
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#finish(this.#remaining === 0);
    done(error);
  }

  #finish(reusable: boolean): void {
    if (this.#released) return;
    this.#released = true;
    this.#release(reusable);
  }
}
