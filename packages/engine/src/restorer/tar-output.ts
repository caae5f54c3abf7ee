import type { RunningCommand } from "@lifeboat/model";

const bufferBytes = 256 * 1024;

/** Gathers small writes: headers and small files would cost a system call each. */
export class TarOutput {
  readonly #command: RunningCommand;
  #buffer = Buffer.allocUnsafe(bufferBytes);
  #filled = 0;

  constructor(command: RunningCommand) {
    this.#command = command;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const isLarge = bytes.length >= bufferBytes / 2;
    if (isLarge || this.#filled + bytes.length > bufferBytes) await this.#flush();
    if (isLarge) {
      await this.#command.write(bytes);
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
    await this.#command.write(full);
  }
}
