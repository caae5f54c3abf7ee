import type { RunningCommand } from "@lifeboat/model";

const bufferBytes = 256 * 1024;

/**
 * Gathers small writes: headers and small files would cost a system call each. One buffer is filled while the other one is on its way.
 * Where nothing has to be waited for there is no promise: one for each of millions of small files costs more than copying it.
 */
export class TarOutput {
  readonly #command: RunningCommand;
  #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #spare = Buffer.allocUnsafeSlow(bufferBytes);
  #filled = 0;
  #sending: Promise<void> = Promise.resolve();
  #isBroken = false;

  constructor(command: RunningCommand) {
    this.#command = command;
  }

  /** The command has closed its input: it says why. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** `bytes` may be used again when this is done: at once, or when the promise resolves. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    if (bytes.length >= bufferBytes / 2) return this.#writeLarge(bytes);
    if (this.#filled + bytes.length > bufferBytes) return this.#writeIntoNext(bytes);
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
    return undefined;
  }

  async end(bytes: Uint8Array): Promise<void> {
    await this.write(bytes);
    await this.#turn();
    await this.#sending;
    this.#command.endInput();
  }

  async #writeLarge(bytes: Uint8Array): Promise<void> {
    await this.#turn();
    await this.#sending;
    await this.#send(bytes);
  }

  async #writeIntoNext(bytes: Uint8Array): Promise<void> {
    await this.#turn();
    this.#buffer.set(bytes, 0);
    this.#filled = bytes.length;
  }

  /** What is gathered goes on its way, and the other buffer is empty. */
  async #turn(): Promise<void> {
    await this.#sending;
    if (this.#filled === 0) return;
    const full = this.#buffer;
    this.#sending = this.#send(full.subarray(0, this.#filled));
    // Whoever writes next, or ends, hears of it.
    this.#sending.catch(() => {});
    this.#buffer = this.#spare;
    this.#spare = full;
    this.#filled = 0;
  }

  async #send(bytes: Uint8Array): Promise<void> {
    try {
      await this.#command.write(bytes);
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
  }
}
