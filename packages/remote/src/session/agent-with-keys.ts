import ssh2 from "ssh2";

/** An SSH agent of which only the given keys (wire form) are shown to the host. */
export class AgentWithKeys extends ssh2.OpenSSHAgent {
  readonly #keys: readonly Buffer[];

  constructor(socketPath: string, keys: readonly Buffer[]) {
    super(socketPath);
    this.#keys = keys;
  }

  override getIdentities(callback: Parameters<ssh2.OpenSSHAgent["getIdentities"]>[0]): void {
    super.getIdentities((error, all) => {
      callback(
        error,
        all?.filter((key) => "getPublicSSH" in key && this.#keys.some((wanted) => wanted.equals(key.getPublicSSH()))),
      );
    });
  }
}
