import type { RunningCommand } from "@lifeboat/model";

const bufferBytes = 256 * 1024;

/** Gathers small writes: headers and small files would cost a system call each. */
export class TarOutput {
  readonly #command: RunningCommand;
  #buffer = Buffer.allocUnsafe(bufferBytes);
  #filled = 0;
  #isBroken = false;

  constructor(command: RunningCommand) {
    this.#command = command;
  }

  /** The command has closed its input: it says why. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const isLarge = bytes.length >= bufferBytes / 2;
    if (isLarge || this.#filled + bytes.length > bufferBytes) await this.#flush();
    if (isLarge) {
      await this.#send(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  async end(bytes: Uint8Array): Promise<void> {
    await this.write(bytes);
    await this.#flush();
    this.#command.endInput();
  }

  async #flush(): Promise<void> {
    if (this.#filled === 0) return;
    const full = this.#buffer.subarray(0, this.#filled);
    this.#buffer = Buffer.allocUnsafe(bufferBytes);
    this.#filled = 0;
    await this.#send(full);
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
