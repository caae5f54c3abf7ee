import type { Clock, CompiledHost, Logger, Machine, RunningCommand, RunOptions } from "@lifeboat/model";
import { LifeboatError, messageOf } from "@lifeboat/model";
import type { ClientChannel } from "ssh2";
import { ReceivePace } from "./receive-pace.ts";
import { usualWindowBytes, WindowBudget, wideWindowBytes } from "./receive-window.ts";
import { resolveEndpoint } from "./resolve-endpoint.ts";
import { secretLines, shellCommand } from "./shell-command.ts";
import { startSshCommand } from "./ssh-command.ts";
import { ChannelLimitReached, type SshConnection } from "./ssh-connection.ts";
import { type LoginOptions, prepareLogin, type SshLogin } from "./ssh-login.ts";
import { SshRoute } from "./ssh-route.ts";

/** OpenSSH's default MaxSessions is 10. */
const maxChannelsPerConnection = 8;
const maxConnections = 8;
/** How long closing waits for programs that are being stopped: a host that hangs must not hold the worker. */
const maxKillMilliseconds = 2000;
/**
 * A busy host may take long to start a shell; a longer connect timeout in the config counts instead. Keepalive notices a dead
 * connection before, so that this is about a host that answers.
 */
const minStartSeconds = 90;
/** How long a host may take to confirm that a channel is closed. */
const maxCloseMilliseconds = 10_000;

export interface ConnectOptions extends LoginOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Logs in; rejects with `host-unreachable`, `host-key-unknown`, `host-key-changed` or `login-refused`. */
export async function connectHost(host: CompiledHost, options: ConnectOptions): Promise<SshMachine> {
  const endpoint = await resolveEndpoint(host, options);
  for (const line of endpoint.unsupported) options.logger.warn({ host: host.name }, line);
  const login = await prepareLogin(endpoint, options);
  const jumps: SshLogin[] = [];
  for (const jump of endpoint.jumps) jumps.push(await prepareLogin(jump, options));
  const machine = new SshMachine(login, new SshRoute(login, jumps, options.logger), options);
  try {
    await machine.connect(options.signal);
  } catch (error) {
    // Jump hosts on the way may have been reached: nobody else knows of them.
    await machine.close();
    throw error;
  }
  return machine;
}

/**
 * A host over SSH. Commands share connections: as many as the configuration says are opened as commands run at the same time, and
 * each command goes to the one with the fewest; a further one is opened where the host allows no more channels.
 */
export class SshMachine implements Machine {
  readonly name: string;
  readonly #login: SshLogin;
  readonly #route: SshRoute;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #kills = new Set<Promise<void>>();
  readonly #connections: SshConnection[] = [];
  readonly #windowBudget = new WindowBudget();
  /** Shared by all commands: the host's line is one. */
  readonly #pace: ReceivePace | undefined;
  #opening: Promise<unknown> = Promise.resolve();
  #channelLimit = maxChannelsPerConnection;
  #wantedConnections: number;
  #receivedBytes = 0;
  #closed = false;

  constructor(login: SshLogin, route: SshRoute, options: ConnectOptions) {
    this.name = login.host.name;
    this.#login = login;
    this.#route = route;
    this.#signal = options.signal;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#wantedConnections = login.host.connections;
    const { maxBytesPerSecond } = login.host;
    if (maxBytesPerSecond !== undefined) this.#pace = new ReceivePace(maxBytesPerSecond, options.clock);
  }

  async connect(signal: AbortSignal): Promise<void> {
    await this.#inTurn(() => this.#findOrOpen(signal));
  }

  async run(argv: readonly (string | Uint8Array)[], options: RunOptions = {}): Promise<RunningCommand> {
    options.signal?.throwIfAborted();
    const line = shellCommand(argv, { ...options, nice: this.#login.host.nice });
    const secrets = options.secretEnv === undefined ? undefined : secretLines(options.secretEnv);
    const signal = options.signal === undefined ? this.#signal : AbortSignal.any([this.#signal, options.signal]);
    const program = programName(argv[0]);
    const ask = (connection: SshConnection, limit: AbortSignal) => connection.exec(line, limit);
    const command = await this.#start(ask, { ...options, program, marked: true, opening: signal, signal });
    if (secrets !== undefined && secrets.length > 0) await command.write(secrets);
    return command;
  }

  async openSubsystem(name: string, options: Pick<RunOptions, "signal"> = {}): Promise<RunningCommand> {
    options.signal?.throwIfAborted();
    // A session outlives the call that opened it, so that call's signal counts for the opening only.
    const signal = this.#signal;
    const opening = options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
    const ask = (connection: SshConnection, limit: AbortSignal) => connection.openSubsystem(name, limit);
    return this.#start(ask, { program: name, marked: false, opening, signal });
  }

  async #start(
    ask: (connection: SshConnection, signal: AbortSignal) => Promise<ClientChannel>,
    options: Pick<RunOptions, "noInput" | "maxStderrBytes" | "complained"> & {
      readonly program: string;
      readonly marked: boolean;
      readonly opening: AbortSignal;
      readonly signal: AbortSignal;
    },
  ): Promise<RunningCommand> {
    const { program, signal, opening, marked } = options;
    const { channel, connection } = await this.#openChannel(ask, program, opening);
    if (options.noInput === true) channel.end();
    const command = await this.#startWithin(program, signal, (startSignal) =>
      startSshCommand(channel, {
        hostName: this.name,
        program,
        marked,
        startSignal,
        closeTimeout: (closed) => this.#clock.sleep(maxCloseMilliseconds, closed),
        maxStderrBytes: options.maxStderrBytes ?? 64 * 1024,
        complained: options.complained,
        mostWindowBytes: this.#mostWindowBytes(),
        windowBudget: this.#windowBudget,
        received: (bytes) => {
          this.#receivedBytes += bytes;
        },
        lost: () => connection.lost,
        killProcess: (pid) => this.#killProcess(connection, pid),
      }),
    );
    signal.addEventListener("abort", command.kill, { once: true });
    void command.exit.then(() => signal.removeEventListener("abort", command.kill));
    if (signal.aborted) {
      command.kill();
      throw signal.reason;
    }
    return this.#pace === undefined ? command : { ...command, stdout: this.#pace.slow(command.stdout, signal) };
  }

  bytesReceived(): number {
    return this.#receivedBytes;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#kills.size > 0) {
      const timer = new AbortController();
      await Promise.race([Promise.all(this.#kills), this.#clock.sleep(maxKillMilliseconds, timer.signal).catch(() => undefined)]);
      timer.abort();
    }
    await this.#opening.catch(() => undefined);
    await Promise.all(this.#connections.splice(0).map((connection) => connection.close()));
    await this.#route.close();
  }

  /** Where the rate is limited, what comes ahead of it is kept small: a quarter of a second. */
  #mostWindowBytes(): number {
    const { maxBytesPerSecond = Number.POSITIVE_INFINITY } = this.#login.host;
    return Math.max(usualWindowBytes, Math.min(wideWindowBytes, Math.floor(maxBytesPerSecond / 4)));
  }

  #killProcess(connection: SshConnection, pid: number): void {
    if (!connection.usable) return;
    const done = connection
      .exec(Buffer.from(`kill -TERM ${pid}`))
      .then((channel) => {
        channel.resume();
        channel.stderr.resume();
        return new Promise<void>((resolve) => channel.once("close", () => resolve()));
      })
      .catch(() => undefined)
      .finally(() => this.#kills.delete(done));
    this.#kills.add(done);
  }

  /** Gives `work` a signal that aborts with `signal`, or with `host-garbage` when the host stays silent for too long. */
  async #startWithin<T>(program: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const seconds = Math.max(this.#login.host.connectTimeoutSeconds, minStartSeconds);
    const timeout = new AbortController();
    const done = new AbortController();
    this.#clock.sleep(seconds * 1000, done.signal).then(
      () => timeout.abort(new LifeboatError("host-garbage", `${this.name} did not start ${program} within ${seconds} s`)),
      () => undefined,
    );
    try {
      return await work(AbortSignal.any([signal, timeout.signal]));
    } finally {
      done.abort();
    }
  }

  async #openChannel(
    ask: (connection: SshConnection, signal: AbortSignal) => Promise<ClientChannel>,
    program: string,
    signal: AbortSignal,
  ) {
    for (;;) {
      const { connection, opening } = await this.#inTurn(async () => {
        const connection = await this.#findOrOpen(signal);
        // It counts as one of the connection's channels from here on, before the next one chooses.
        const opening = this.#startWithin(program, signal, (limit) => ask(connection, limit));
        opening.catch(() => undefined);
        return { connection, opening };
      });
      try {
        return { connection, channel: await opening };
      } catch (error) {
        if (!(error instanceof ChannelLimitReached)) throw error;
        if (connection.openChannels === 0) {
          throw new LifeboatError("command-failed", `${this.name} opens no channel for commands: ${error.message}`, {
            cause: error,
          });
        }
        this.#channelLimit = Math.min(this.#channelLimit, connection.openChannels);
      }
    }
  }

  /** One connection is opened at a time, so that a burst of commands does not meet the host's MaxStartups. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#opening.catch(() => undefined).then(work);
    this.#opening = next;
    return next;
  }

  async #findOrOpen(signal: AbortSignal): Promise<SshConnection> {
    signal.throwIfAborted();
    if (this.#closed) throw new LifeboatError("connection-lost", `the connection to ${this.name} was closed`);
    const usable = this.#connections.filter((connection) => connection.usable);
    this.#connections.splice(0, this.#connections.length, ...usable);
    const [idlest] = usable.toSorted((a, b) => a.openChannels - b.openChannels);
    const roomy = idlest !== undefined && idlest.openChannels < this.#channelLimit ? idlest : undefined;
    if (roomy !== undefined && (roomy.openChannels === 0 || usable.length >= this.#wantedConnections)) return roomy;
    if (roomy !== undefined) return this.#openFurther(roomy, signal);
    if (usable.length >= maxConnections) {
      throw new LifeboatError(
        "command-failed",
        `too many commands at once on ${this.name}: ${usable.length} connections are full`,
      );
    }
    const opened = await this.#route.connect(signal);
    this.#connections.push(opened);
    return opened;
  }

  /** One more for speed only: a host that does not let it in is asked no more, and what is there serves. */
  async #openFurther(roomy: SshConnection, signal: AbortSignal): Promise<SshConnection> {
    try {
      const opened = await this.#route.connect(signal);
      this.#connections.push(opened);
      return opened;
    } catch (error) {
      if (signal.aborted || !roomy.usable) throw error;
      this.#wantedConnections = this.#connections.length;
      const fields = { host: this.name, connections: this.#wantedConnections, error: messageOf(error) };
      this.#logger.warn(fields, "no further connection could be opened; the run goes on with those there are");
      return roomy;
    }
  }
}

function programName(word: string | Uint8Array | undefined): string {
  return typeof word === "string" ? word : Buffer.from(word ?? []).toString("utf8");
}
