import type { Duplex } from "node:stream";
import type { Logger } from "@lifeboat/model";
import { isLifeboatError, LifeboatError } from "@lifeboat/model";
import { hostKeyAlgorithms } from "./algorithms.ts";
import { keyTypeFor, typeBesidePin } from "./host-key-check.ts";
import { SshConnection } from "./ssh-connection.ts";
import type { SshLogin } from "./ssh-login.ts";

/**
 * The way to a host through other hosts. Its connections are shared by all connections to the host, opened when the first
 * one is, and opened again after one of them broke.
 */
export class SshRoute {
  readonly #target: SshLogin;
  readonly #jumps: readonly SshLogin[];
  readonly #logger: Logger;
  #connections: SshConnection[] = [];

  constructor(target: SshLogin, jumps: readonly SshLogin[], logger: Logger) {
    this.#target = target;
    this.#jumps = jumps;
    this.#logger = logger;
  }

  /** A connection to the host itself. Errors name the machine on the way that failed. Not to be called twice at a time. */
  async connect(signal: AbortSignal): Promise<SshConnection> {
    if (this.#connections.some((connection) => !connection.usable)) await this.close();
    for (const [index, login] of this.#jumps.entries()) {
      if (index < this.#connections.length) continue;
      try {
        this.#connections.push(await this.#open(login, signal));
      } catch (error) {
        throw onTheWay(error, login, this.#target);
      }
    }
    return this.#open(this.#target, signal);
  }

  async close(): Promise<void> {
    const connections = this.#connections;
    this.#connections = [];
    // The farthest first: a nearer one carries it.
    for (const connection of connections.reverse()) await connection.close();
  }

  /**
   * A host has several keys and shows one: ours is the choice of its type. A pinned fingerprint does not say its type, so the others are
   * asked for before the host is refused.
   */
  async #open(login: SshLogin, signal: AbortSignal): Promise<SshConnection> {
    let keyAlgorithms = hostKeyAlgorithms;
    let refusal: unknown;
    for (;;) {
      const last = this.#connections.at(-1);
      let carrier: Duplex | undefined;
      if (last !== undefined) carrier = await last.forward(login.endpoint, signal);
      try {
        return await SshConnection.open(login, { signal, logger: this.#logger, carrier, keyAlgorithms });
      } catch (error) {
        const shown = typeBesidePin(error);
        // A host that has no other key ends the connection.
        if (shown === undefined) throw isLifeboatError(error) && error.code === "host-unreachable" ? (refusal ?? error) : error;
        refusal ??= error;
        const left = keyAlgorithms.filter((algorithm) => keyTypeFor(algorithm) !== shown);
        if (left.length === 0 || left.length === keyAlgorithms.length) throw refusal;
        keyAlgorithms = left;
      }
    }
  }
}

function onTheWay(error: unknown, jump: SshLogin, target: SshLogin): unknown {
  if (!isLifeboatError(error)) return error;
  return new LifeboatError(error.code, `${error.message} (jump host ${jump.host.name} on the way to ${target.host.name})`, {
    ...(error.hint !== undefined && { hint: error.hint }),
    context: { ...error.context, jump: jump.host.name },
    cause: error,
  });
}
