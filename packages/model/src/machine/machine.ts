/**
 * A machine on which Lifeboat runs commands: the worker itself or a host over SSH. One interface, so that reading,
 * restoring and checking are written once.
 */
export interface Machine {
  /** "worker" or the host's name in the config. */
  readonly name: string;
  /**
   * Starts a program by its argument list; no shell ever sees the arguments unquoted. A string is passed as UTF-8, bytes as
   * they are (a name on Linux need not be text).
   * Rejects with a LifeboatError when it could not be started (connection lost, no such program is an exit status 127).
   */
  run(argv: readonly CommandArgument[], options?: RunOptions): Promise<RunningCommand>;
  /**
   * Starts a subsystem of the machine's SSH server ("sftp"); no shell takes part. Absent where there is no such server. Rejects
   * with `command-failed` when the server does not have it.
   */
  openSubsystem?(name: string, options: Pick<RunOptions, "signal">): Promise<RunningCommand>;
  /** Bytes received on all channels of this machine so far. */
  bytesReceived(): number;
  close(): Promise<void>;
}

export type CommandArgument = string | Uint8Array;

export interface RunOptions {
  /**
   * The program reads no input: it ends at once. An account that starts an SFTP server in the place of every command
   * then answers at once too, instead of waiting for what never comes.
   */
  readonly noInput?: boolean;
  /** Prefix with `sudo -n --` (the host must allow exactly this command). */
  readonly sudo?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Like env, but never on a command line: a remote machine gets them over stdin, before the command's own input. */
  readonly secretEnv?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** At most this much of stderr is kept (its first half and its last). Default 64 KiB. */
  readonly maxStderrBytes?: number;
  /** Told each piece of stderr as it comes, in order and whole, however little of it is kept. Must not throw. */
  readonly complained?: (bytes: Uint8Array) => void;
  /** Working folder. */
  readonly cwd?: string;
}

export interface RunningCommand {
  /** Back-pressured: not reading stops the program's output. */
  readonly stdout: AsyncIterable<Uint8Array>;
  /** Resolves when more may be written. Rejects when the program has closed its input. */
  write(bytes: Uint8Array): Promise<void>;
  endInput(): void;
  /** What it wrote to stderr so far, bounded, as text. */
  stderr(): string;
  /** Settles after the program's end and the end of its output. `status` is null when a signal or a lost connection ended it. */
  readonly exit: Promise<CommandExit>;
  kill(): void;
}

export interface CommandExit {
  readonly status: number | null;
  readonly signal: string | null;
}
