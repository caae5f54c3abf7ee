import type { CommandExit, RunningCommand } from "@lifeboat/model";
import { LifeboatError } from "@lifeboat/model";
import type { ClientChannel } from "ssh2";
import { BoundedText } from "../process/bounded-text.ts";
import { ChunkQueue } from "../process/chunk-queue.ts";
import { ReceiveWindow, type WindowBudget } from "./receive-window.ts";
import { startMarker } from "./shell-command.ts";

const maxBannerBytes = 64 * 1024;
/** ssh2 grants new window when either output is read: a host that floods both could fill memory past any window. */
const maxUnreadBytes = 32 * 1024 * 1024;

interface CommandContext {
  readonly hostName: string;
  readonly program: string;
  /** False for what no shell starts: all output is the program's own. */
  readonly marked: boolean;
  readonly maxStderrBytes: number;
  readonly complained?: ((bytes: Uint8Array) => void) | undefined;
  /** What may be on its way and unread at most; see `ReceiveWindow`. */
  readonly mostWindowBytes: number;
  readonly windowBudget: WindowBudget;
  readonly received: (bytes: number) => void;
  /** Why the connection broke, when it did. */
  readonly lost: () => LifeboatError | undefined;
  /** Ends a process that sshd does not signal for us. */
  readonly killProcess: (pid: number) => void;
  /** Ends the wait for the program's start. */
  readonly startSignal: AbortSignal;
  /** Resolves when a host has had enough time to confirm that a channel is closed; never, when the signal aborts first. */
  readonly closeTimeout: (signal: AbortSignal) => Promise<void>;
}

/**
 * Waits for the marker that stands before the program's own output; rejects when the account's shell never gets there, with
 * the reason of `startSignal` when that aborts first.
 */
export async function startSshCommand(channel: ClientChannel, context: CommandContext): Promise<RunningCommand> {
  const complaints = new BoundedText(context.maxStderrBytes);
  let banner: Buffer | undefined = context.marked ? Buffer.alloc(0) : undefined;
  let pid: number | undefined;
  let closed = false;
  let failure: LifeboatError | undefined;
  const started = Promise.withResolvers<void>();
  if (!context.marked) started.resolve();
  const ended = Promise.withResolvers<CommandExit>();
  const waitingWrites = new Set<(error: LifeboatError) => void>();
  const closing = new AbortController();
  let killed = false;
  const kill = () => {
    if (closed) return;
    channel.signal("TERM");
    // OpenSSH passes no signal on to what root runs, and before 7.9 to nobody.
    if (pid !== undefined) context.killProcess(pid);
    channel.close();
    channel.resume();
    // A host that never confirms the end must not hold the one who waits for it.
    if (!killed) context.closeTimeout(closing.signal).then(finish, () => undefined);
    killed = true;
  };
  const fail = (error: LifeboatError) => {
    failure ??= error;
    started.reject(failure);
    kill();
  };
  const output = new ChunkQueue({
    // With a window of ours the host stops by itself; what a paused channel holds would not be joined where it came in small pieces.
    stop: () => {
      if (!window.isOurs) channel.pause();
    },
    go: () => channel.resume(),
    taken: () => window.refresh(),
    abandoned: kill,
  });
  const unread = () => output.waitingBytes + channel.readableLength + channel.stderr.readableLength;
  const overrun = () =>
    fail(new LifeboatError("host-garbage", `${context.hostName} sends more than it may while ${context.program} runs`));
  const window = new ReceiveWindow(channel, {
    ...{ mostBytes: context.mostWindowBytes, budget: context.windowBudget },
    ...{ unread, overrun },
  });
  const checkFlood = () => {
    if (unread() > maxUnreadBytes) overrun();
  };
  channel.on("data", (chunk: Buffer) => {
    context.received(chunk.length);
    if (banner === undefined) {
      output.push(chunk);
      return;
    }
    window.refresh();
    banner = Buffer.concat([banner, chunk]);
    const marker = startMarker.exec(banner.toString("latin1"));
    if (marker !== null) {
      pid = Number(marker[1]);
      const rest = banner.subarray(marker.index + marker[0].length);
      banner = undefined;
      if (rest.length > 0) output.push(rest);
      started.resolve();
    } else if (banner.length > maxBannerBytes) {
      fail(
        new LifeboatError(
          "host-garbage",
          `the account's shell on ${context.hostName} prints ${maxBannerBytes} bytes and starts nothing`,
        ),
      );
    }
  });
  channel.stderr.on("data", (chunk: Buffer) => {
    context.received(chunk.length);
    complaints.append(chunk);
    context.complained?.(chunk);
    checkFlood();
    window.refresh();
  });
  let exit: CommandExit = { status: null, signal: null };
  channel.on("exit", (status: number | null, signal?: string) => {
    exit = { status, signal: signal ?? null };
  });
  // OpenSSH tells how a program ended as soon as it has, before the last of its output: a status is no proof that all of that came. The end
  // of the output is; ssh2 makes one up when the connection breaks.
  let hasEnded = false;
  channel.on("end", () => {
    hasEnded ||= context.lost() === undefined;
  });
  const finish = () => {
    if (closed) return;
    closed = true;
    window.close();
    closing.abort();
    if (!hasEnded || (exit.status === null && exit.signal === null)) failure ??= context.lost();
    if (banner !== undefined) started.reject(failure ?? neverStarted(context, exit, banner, complaints));
    output.end(failure);
    for (const reject of waitingWrites) reject(failure ?? inputClosed(context));
    waitingWrites.clear();
    ended.resolve(exit);
  };
  channel.on("close", (status: number | null | undefined, signal?: string) => {
    // "exit" of a short command may have passed before anybody could listen; "close" says it again.
    if (exit.status === null && exit.signal === null) exit = { status: status ?? null, signal: signal ?? null };
    // When a connection ends ssh2 closes its channels first, and says so of the connection itself in the same turn.
    queueMicrotask(finish);
  });
  const command: RunningCommand = {
    stdout: output,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (closed || !channel.writable) {
          reject(failure ?? inputClosed(context));
          return;
        }
        // ssh2 forgets the callback of a write that the other side's end overtook.
        waitingWrites.add(reject);
        channel.write(bytes, (error) => {
          waitingWrites.delete(reject);
          if (error) reject(inputClosed(context));
          else resolve();
        });
      }),
    endInput: () => {
      if (!closed) channel.end();
    },
    stderr: () => complaints.toString(),
    exit: ended.promise,
    kill,
  };
  const giveUp = () => {
    started.reject(context.startSignal.reason);
    kill();
  };
  context.startSignal.addEventListener("abort", giveUp, { once: true });
  if (context.startSignal.aborted) giveUp();
  try {
    await started.promise;
  } finally {
    context.startSignal.removeEventListener("abort", giveUp);
  }
  return command;
}

function inputClosed(context: CommandContext): LifeboatError {
  return new LifeboatError("command-failed", `${context.program} on ${context.hostName} has closed its input`);
}

function neverStarted(context: CommandContext, exit: CommandExit, banner: Buffer, complaints: BoundedText): LifeboatError {
  const said = `${complaints.toString()}\n${banner.toString("utf8")}`.trim().slice(0, 500) || "nothing";
  const message = `the account's shell on ${context.hostName} did not start ${context.program} (status ${exit.status}), it said: ${said}`;
  return new LifeboatError("command-failed", message, {
    hint: "Give the account a shell that can run commands, or look at its start-up files.",
    context: { host: context.hostName },
  });
}
