import type { Logger } from "@lifeboat/model";
import { LifeboatError, messageOf } from "@lifeboat/model";
import type { CipherAlgorithm, ClientChannel, ServerHostKeyAlgorithm } from "ssh2";
import ssh2 from "ssh2";
import { checkHostKey, preferredKeyTypes } from "./host-key-check.ts";
import { describeMethods, type SshLogin } from "./ssh-login.ts";

const ciphers: CipherAlgorithm[] = [
  "aes256-gcm@openssh.com",
  "aes128-gcm@openssh.com",
  "chacha20-poly1305@openssh.com",
  "aes256-ctr",
  "aes128-ctr",
];
const keyTypes: ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];
const keepaliveSeconds = 15;
const keepaliveTries = 4;

/** Refused because the connection carries as many channels as the host allows: another connection helps. */
export class ChannelLimitReached extends Error {}

/** One SSH connection. Its channels are counted, because hosts allow few (OpenSSH's MaxSessions is 10). */
export class SshConnection {
  readonly #client: ssh2.Client;
  readonly #name: string;
  #openChannels = 0;
  #lost: LifeboatError | undefined;
  #closing = false;

  private constructor(client: ssh2.Client, name: string) {
    this.#client = client;
    this.#name = name;
    client.on("error", (error) => this.#lose(error));
    client.on("close", () => this.#lose(undefined));
  }

  static async open(login: SshLogin, signal: AbortSignal, logger: Logger): Promise<SshConnection> {
    signal.throwIfAborted();
    const { host } = login;
    const client = new ssh2.Client();
    let keyError: unknown;
    let connected = false;
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
      client.on("error", (error) => fail(keyError ?? connectError(error, login, connected)));
      client.on("close", () => fail(keyError ?? connectError(new Error("the connection was closed"), login, connected)));
      client.connect({
        host: host.address,
        port: host.port,
        username: host.user,
        readyTimeout: host.connectTimeoutSeconds * 1000,
        keepaliveInterval: keepaliveSeconds * 1000,
        keepaliveCountMax: keepaliveTries,
        algorithms: {
          cipher: ciphers,
          serverHostKey: preferredKeyTypes(login.keyRules.known, keyTypes) as ServerHostKeyAlgorithm[],
        },
        authHandler: [...login.methods],
        hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => {
          checkHostKey(key, login.keyRules).then(
            () => verify(true),
            (error: unknown) => {
              keyError = error;
              verify(false);
            },
          );
        },
      });
    });
    logger.debug({ host: host.name, address: host.address, port: host.port }, "ssh connection open");
    client.setNoDelay();
    return new SshConnection(client, host.name);
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
  async exec(command: Buffer, signal?: AbortSignal): Promise<ClientChannel> {
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
        // The types say string; the protocol carries bytes, and ssh2 passes a Buffer on as it is.
        this.#client.exec(command as unknown as string, (error, opened) => {
          if (error) {
            this.#openChannels--;
            reject(error);
            return;
          }
          opened.once("close", () => {
            this.#openChannels--;
          });
          // Too late for the caller: nobody else would close it. Until then it counts, because the host may have opened it.
          if (signal?.aborted) closeUnread(opened);
          else resolve(opened);
        });
      });
    } catch (error) {
      if (error instanceof LifeboatError || (signal?.aborted && error === signal.reason)) throw error;
      if (/open failed/i.test(messageOf(error))) throw new ChannelLimitReached(messageOf(error));
      throw new LifeboatError("connection-lost", `${this.#name} did not take a command: ${messageOf(error)}`, { cause: error });
    } finally {
      stop();
    }
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
  const { host } = login;
  const place = `${host.name} (${host.address}:${host.port})`;
  const context = { host: host.name, address: host.address, port: host.port, user: host.user };
  if (error.level === "client-authentication" || (connected && /authentication/i.test(error.message))) {
    return new LifeboatError("login-refused", `${place} refused the login of ${host.user} with ${describeMethods(login)}`, {
      context,
      cause: error,
    });
  }
  const reason = error.level === "client-timeout" ? `no answer within ${host.connectTimeoutSeconds} s` : error.message;
  return new LifeboatError("host-unreachable", `cannot connect to ${place}: ${reason}`, { context, cause: error });
}
