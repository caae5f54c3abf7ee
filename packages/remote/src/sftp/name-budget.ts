import { displayName, LifeboatError } from "@lifeboat/model";
import type { SftpName } from "./sftp-client.ts";

/** More than the folders of any host hold at once: a listing without an end must not fill the memory. */
const usualLimits = { names: 10_000_000, bytes: 1024 ** 3 };

/** Counts the names of all folders that are being read: sixteen at once, each within its own bound, would be sixteen times as much. */
export class NameBudget {
  readonly #machineName: string;
  readonly #limits: typeof usualLimits;
  #names = 0;
  #bytes = 0;

  constructor(machineName: string, limits = usualLimits) {
    this.#machineName = machineName;
    this.#limits = limits;
  }

  /** Errors: `host-garbage` when there are too many. */
  take({ name }: SftpName, folder: Parameters<typeof displayName>[0]): void {
    this.#names++;
    this.#bytes += name.length;
    const { names, bytes } = this.#limits;
    if (this.#names <= names && this.#bytes <= bytes) return;
    const what = this.#names > names ? `${names} names` : `${bytes} bytes of names`;
    throw new LifeboatError(
      "host-garbage",
      `the SFTP server of ${this.#machineName} lists more than ${what} in ${displayName(folder)} and the folders that are read with it`,
    );
  }

  giveBack(names: Iterable<SftpName>): void {
    for (const { name } of names) {
      this.#names--;
      this.#bytes -= name.length;
    }
  }
}
