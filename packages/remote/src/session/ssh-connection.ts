import type { Duplex } from "node:stream";
import type { Logger } from "@lifeboat/model";
import { LifeboatError, messageOf } from "@lifeboat/model";
import type { ClientChannel, ServerHostKeyAlgorithm } from "ssh2";
import ssh2 from "ssh2";
import { algorithms } from "./algorithms.ts";
import { checkHostKey, preferredKeyTypes } from "./host-key-check.ts";
import type { SshEndpoint } from "./resolve-endpoint.ts";
import { describeMethods, type SshLogin } from "./ssh-login.ts";
import { UnsentWatch } from "./unsent-watch.ts";

/** A host that does not answer is noticed after five times as long: with the fifth question, when four have no answer. */
const keepaliveSeconds = 12;
const keepaliveTries = 4;

/** RFC 4254, 5.1. */
const administrativelyProhibited = 1;

/** Refused because the connection carries as many channels as the host allows: another connection helps. */
export class ChannelLimitReached extends Error {}

interface OpenOptions {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** A stream that reaches the host's SSH port; undefined: a TCP connection of its own. */
  readonly carrier: Duplex | undefined;
  /** What the host may prove itself with. */
  readonly keyAlgorithms: readonly ServerHostKeyAlgorithm[];
}

/** One SSH connection. Its channels are counted, because hosts allow few (OpenSSH's MaxSessions is 10). */
export class SshConnection {
  readonly #client: ssh2.Client;
  readonly #name: string;
  readonly #unsent: UnsentWatch | undefined;
  #openChannels = 0;
  #lost: LifeboatError | undefined;
  #closing = false;

  private constructor(client: ssh2.Client, name: string, unsent: UnsentWatch | undefined) {
    this.#client = client;
    this.#unsent = unsent;
    this.#name = name;
    // Each command that waits for its channel listens for the connection's end.
    client.setMaxListeners(0);
    client.on("error", (error) => this.#lose(error));
    client.on("close", () => this.#lose(undefined));
  }

  static async open(login: SshLogin, { signal, logger, carrier, keyAlgorithms }: OpenOptions): Promise<SshConnection> {
    signal.throwIfAborted();
    const { host, endpoint } = login;
    const client = new ssh2.Client();
    /** Why we ended it. */
    let ended: unknown;
    let connection: SshConnection | undefined;
    let unsent: UnsentWatch | undefined;
    let connected = carrier !== undefined;
    await new Promise<void>((resolve, reject) => {
      const abort = () => fail(signal.reason);
      const fail = (error: unknown) => {
        signal.removeEventListener("abort", abort);
        reject(error);
        client.destroy();
      };
      signal.addEventListener("abort", abort, { once: true });
      client.on("connect", () => {
        connected = true;
      });
      client.on("ready", () => {
        signal.removeEventListener("abort", abort);
        resolve();
      });
      client.on("error", (error) => fail(ended ?? connectError(error, login, connected)));
      client.on("close", () => fail(ended ?? connectError(new Error("the connection was closed"), login, connected)));
      client.connect({
        host: endpoint.address,
        port: endpoint.port,
        username: endpoint.user,
        ...(carrier !== undefined && { sock: carrier }),
        readyTimeout: host.connectTimeoutSeconds * 1000,
        keepaliveInterval: keepaliveSeconds * 1000,
        keepaliveCountMax: keepaliveTries,
        algorithms: {
          ...algorithms,
          serverHostKey: preferredKeyTypes(login.keyRules.known, keyAlgorithms) as ServerHostKeyAlgorithm[],
        },
        authHandler: [...login.methods],
        hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => {
          checkHostKey(key, login.keyRules).then(
            () => verify(true),
            (error: unknown) => {
              ended = error;
              verify(false);
            },
          );
        },
      });
      // Of ssh2 1.17 (lib/client.js); its types do not show it.
      const socket = (client as unknown as { readonly _sock?: Duplex })._sock;
      const flooded = () => {
        const error = new LifeboatError("host-garbage", `${host.name} asks without end, and does not read the answers`);
        if (connection === undefined) ended = error;
        else connection.#lost ??= error;
        client.destroy();
      };
      if (socket !== undefined) unsent = new UnsentWatch(socket, flooded);
    });
    logger.debug({ host: host.name, address: endpoint.address, port: endpoint.port }, "ssh connection open");
    client.setNoDelay();
    connection = new SshConnection(client, host.name, unsent);
    return connection;
  }

  get openChannels(): number {
    return this.#openChannels;
  }

  get usable(): boolean {
    return this.#lost === undefined && !this.#closing;
  }

  /** Why the connection is gone; undefined while it stands or was closed on purpose. */
  get lost(): LifeboatError | undefined {
    return this.#lost;
  }

  /** Opens a channel and asks for a command. Rejects with the signal's reason when it aborts before the host has answered. */
  exec(command: Buffer, signal?: AbortSignal): Promise<ClientChannel> {
    // The types say string; the protocol carries bytes, and ssh2 passes a Buffer on as it is.
    return this.#open((opened) => this.#client.exec(command as unknown as string, opened), "takes no commands", signal);
  }

  /** As `exec`, for a subsystem of the host's SSH server. */
  openSubsystem(name: string, signal?: AbortSignal): Promise<ClientChannel> {
    return this.#open((opened) => this.#client.subsys(name, opened), `has no ${name}`, signal);
  }

  async #open(
    ask: (opened: (error: Error | undefined, channel: ClientChannel) => void) => void,
    refusal: string,
    signal: AbortSignal | undefined,
  ): Promise<ClientChannel> {
    if (this.#lost !== undefined) throw this.#lost;
    signal?.throwIfAborted();
    this.#openChannels++;
    let stop = () => {};
    try {
      return await new Promise<ClientChannel>((resolve, reject) => {
        const lost = () => reject(this.#lost ?? this.#lostError(undefined));
        const abort = () => reject(signal?.reason);
        stop = () => {
          this.#client.removeListener("close", lost);
          signal?.removeEventListener("abort", abort);
        };
        this.#client.once("close", lost);
        signal?.addEventListener("abort", abort, { once: true });
        ask((error, opened) => {
          if (error) {
            this.#openChannels--;
            reject(error);
            return;
          }
          opened.once("close", () => {
            this.#openChannels--;
          });
          this.#unsent?.exempt(opened);
          // Too late for the caller: nobody else would close it. Until then it counts, because the host may have opened it.
          if (signal?.aborted) closeUnread(opened);
          else resolve(opened);
        });
      });
    } catch (error) {
      if (error instanceof LifeboatError || (signal?.aborted && error === signal.reason)) throw error;
      if (/open failed/i.test(messageOf(error))) throw new ChannelLimitReached(messageOf(error));
      // What ssh2 says of a request that the server has refused; the connection stands.
      if (this.usable && /^Unable to (exec|start subsystem)/.test(messageOf(error))) {
        throw new LifeboatError("command-failed", `${this.#name} ${refusal}: its SSH server refuses`, { cause: error });
      }
      throw new LifeboatError("connection-lost", `${this.#name} did not take a command: ${messageOf(error)}`, { cause: error });
    } finally {
      stop();
    }
  }

  /** A stream to another machine's SSH port, as this host reaches it. Errors: `host-unreachable`, `connection-lost`. */
  async forward(to: Pick<SshEndpoint, "name" | "address" | "port">, signal: AbortSignal): Promise<ClientChannel> {
    if (this.#lost !== undefined) throw this.#lost;
    signal.throwIfAborted();
    let stop = () => {};
    try {
      return await new Promise<ClientChannel>((resolve, reject) => {
        const lost = () => reject(this.#lost ?? this.#lostError(undefined));
        const abort = () => reject(signal.reason);
        stop = () => {
          this.#client.removeListener("close", lost);
          signal.removeEventListener("abort", abort);
        };
        this.#client.once("close", lost);
        signal.addEventListener("abort", abort, { once: true });
        this.#client.forwardOut("127.0.0.1", 0, to.address, to.port, (error, channel) => {
          if (error) {
            reject(this.#forwardError(to, error));
            return;
          }
          this.#unsent?.exempt(channel);
          if (signal.aborted) channel.destroy();
          else resolve(channel);
        });
      });
    } finally {
      stop();
    }
  }

  #forwardError(to: Pick<SshEndpoint, "name" | "address" | "port">, error: Error & { reason?: unknown }): LifeboatError {
    const prohibited = error.reason === administrativelyProhibited;
    const reason = prohibited ? "forwarding is prohibited there" : error.message.replace(/^\(SSH\) /, "");
    return new LifeboatError("host-unreachable", `${this.#name} cannot reach ${to.name} (${to.address}:${to.port}): ${reason}`, {
      context: { host: to.name, address: to.address, port: to.port, jump: this.#name },
      cause: error,
      ...(prohibited && { hint: `Allow it there: AllowTcpForwarding and PermitOpen of its sshd, permitopen= of the key.` }),
    });
  }

  async close(): Promise<void> {
    if (this.#lost !== undefined) return;
    this.#closing = true;
    await new Promise<void>((resolve) => {
      this.#client.once("close", () => resolve());
      this.#client.end();
      // A host that never answers must not hold the worker: what is buffered has no value any more.
      this.#client.destroy();
    });
  }

  #lose(error: Error | undefined): void {
    if (this.#lost === undefined && !this.#closing) this.#lost = this.#lostError(error);
  }

  #lostError(cause: Error | undefined): LifeboatError {
    const reason = cause === undefined ? "closed by the host" : cause.message;
    return new LifeboatError("connection-lost", `the connection to ${this.#name} broke: ${reason}`, {
      cause,
      context: { host: this.#name },
    });
  }
}

function closeUnread(channel: ClientChannel): void {
  channel.on("error", () => undefined);
  channel.close();
  channel.resume();
  channel.stderr.resume();
}

function connectError(error: Error & { level?: string; code?: string }, login: SshLogin, connected: boolean): LifeboatError {
  const { host, endpoint } = login;
  const { address, port, user } = endpoint;
  const place = `${host.name} (${address}:${port})`;
  const context = { host: host.name, address, port, user };
  if (error.level === "client-authentication" || (connected && /authentication/i.test(error.message))) {
    return new LifeboatError("login-refused", `${place} refused the login of ${user} with ${describeMethods(login)}`, {
      context,
      cause: error,
    });
  }
  const reason = error.level === "client-timeout" ? `no answer within ${host.connectTimeoutSeconds} s` : error.message;
  if (
    /before handshake|Header line too long|Invalid identification|Invalid packet|Packet length|protocol version/i.test(
      error.message,
    )
  ) {
    return new LifeboatError("host-unreachable", `what answers for ${place} does not speak SSH: ${error.message}`, {
      hint: `Correct address and port of host ${host.name}.`,
      context,
    });
  }
  return new LifeboatError("host-unreachable", `cannot connect to ${place}: ${reason}`, { context, cause: error });
}
