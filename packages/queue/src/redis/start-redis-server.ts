import { type ChildProcess, spawn } from "node:child_process";
import { lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Clock, LifeboatError, type Logger, messageOf } from "@lifeboat/model";
import { type RedisPlace, sendInline } from "./ping-redis.ts";

export interface RedisServerOptions {
  /** Its own folder for data and socket; made when it is missing, also when it goes missing later. */
  readonly folder: string;
  /** Loopback port instead of the socket. Any user of the machine can connect to a port, only the owner to the socket. */
  readonly port?: number;
  /** Default: the machine's `redis-server`. */
  readonly program?: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface RedisServer {
  /** For `openQueue` and `startConsumer`. */
  readonly redisUrl: string;
  /** Of the present process; another one after a restart. */
  pid(): number | undefined;
  /** Saves, ends the process and waits for its end. */
  stop(): Promise<void>;
}

interface Server {
  readonly child: ChildProcess;
  /** Also when it could not be started. */
  readonly exited: Promise<void>;
}

/** In its folder; redis' default since 7.0. */
const dataFolder = "appendonlydir";
const readyTimeoutMs = 30_000;
const watchEveryMs = 1_000;
/** So many questions in a row without an answer, and it is started anew: its socket may have been deleted under it. */
const patience = 3;
/** sun_path of a Unix socket holds 108 bytes with its end. */
const longestSocketPath = 107;

/**
 * Runs a Redis of our own and keeps it running. Truth is in the catalog, so a Redis that lost its data costs one reconcile:
 * that is why `appendfsync everysec` is enough, and why a lost folder is simply made again.
 * Whoever calls this holds the state folder's program lock: a server that already answers here is an orphan of a killed
 * service and is ended first.
 */
export async function startRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  const { folder, clock, logger } = options;
  const socket = join(folder, "redis.sock");
  const place: RedisPlace = options.port === undefined ? { path: socket } : { host: "127.0.0.1", port: options.port };
  if ("path" in place && Buffer.byteLength(socket) > longestSocketPath) {
    throw new LifeboatError("state-folder-failed", `the path of redis' socket is too long: ${socket}`, {
      hint: `Choose a state folder whose path has at most ${longestSocketPath - "/redis/redis.sock".length} bytes.`,
    });
  }
  const stopping = new AbortController();
  await endOrphan(place, options);
  let server = await launch(options, place, socket);

  const keepRunning = async () => {
    let misses = 0;
    let pauseMs = 100;
    while (!stopping.signal.aborted) {
      const { child } = server;
      const ended = hasEnded(child);
      const answers = !ended && (await answersPing(place, clock));
      misses = answers ? 0 : misses + 1;
      if (answers) pauseMs = 100;
      if (ended || misses >= patience) {
        logger.warn({ folder, exit: child.exitCode, signal: child.signalCode }, "redis-server is gone, starting it again");
        await endServer(server, clock, "SIGKILL");
        await clock.sleep(pauseMs, stopping.signal);
        pauseMs = Math.min(pauseMs * 2, 5_000);
        try {
          server = await launch(options, place, socket);
          logger.info({ folder, pid: server.child.pid }, "redis-server runs again");
          misses = 0;
        } catch (error) {
          logger.error({ err: error }, "redis-server could not be started");
        }
      } else {
        await Promise.race([clock.sleep(watchEveryMs, stopping.signal), server.exited]);
      }
    }
  };
  // the only way out of the loop is the abort, whose reason is no news
  const watch = keepRunning().catch((error) => {
    if (!stopping.signal.aborted) logger.error({ err: error }, "redis-server is no longer watched");
  });

  return {
    redisUrl: options.port === undefined ? `unix:${socket}` : `redis://127.0.0.1:${options.port}`,
    pid: () => server.child.pid,
    async stop() {
      stopping.abort(new Error("stopped"));
      await watch;
      await endServer(server, clock, "SIGTERM");
    },
  };
}

async function launch(options: RedisServerOptions, place: RedisPlace, socket: string, mayBeginEmpty = true): Promise<Server> {
  const { folder, program = "redis-server", clock } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const network =
    "path" in place
      ? ["--port", "0", "--unixsocket", socket, "--unixsocketperm", "700"]
      : ["--port", String(place.port), "--bind", "127.0.0.1"];
  const persistence = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""];
  const child = spawn(
    program,
    [
      ...network,
      ...persistence,
      "--maxmemory-policy",
      "noeviction",
      "--dir",
      folder,
      "--daemonize",
      "no",
      "--protected-mode",
      "yes",
    ],
    // nothing of our environment: it may hold secrets, and redis needs none of it
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    },
  );
  const server: Server = {
    child,
    exited: new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    }),
  };
  let said = "";
  const keep = (bytes: Buffer) => {
    said = (said + bytes.toString("latin1")).slice(-2000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  let startError: Error | undefined;
  child.once("error", (error) => {
    startError = error;
  });
  const deadline = clock.now() + readyTimeoutMs;
  while (!(await answersPing(place, clock))) {
    const ended = startError !== undefined || hasEnded(child);
    if (ended || clock.now() > deadline) {
      await endServer(server, clock, "SIGKILL");
      if (mayBeginEmpty && startError === undefined && isOfItsData(child, said) && setDataAside(options, lastWordsOf(said)))
        return launch(options, place, socket, false);
      const missing = (startError as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
      const why = startError === undefined ? lastWordsOf(said) : messageOf(startError);
      throw new LifeboatError("control-plane-unreachable", `${program} in ${folder} did not start (${why})`, {
        cause: startError,
        hint: missing
          ? "Install it (apt install redis-server), or set control.redis.url."
          : "Look at the folder's rights and its disk.",
      });
    }
    await Promise.race([clock.sleep(50), server.exited]);
  }
  return server;
}

function lastWordsOf(said: string): string {
  return said.trim().split("\n").at(-1) ?? "";
}

/** It ended by itself and spoke of its data; not of its port, its rights or the disk, which are no better without them. */
function isOfItsData({ exitCode }: ChildProcess, said: string): boolean {
  if (exitCode === null || exitCode === 0) return false;
  if (/listening|address already in use|permission denied|no space left|read-only file system/i.test(said)) return false;
  return /\baof\b|append.?only|\brdb\b/i.test(said);
}

/**
 * What a power cut damages must not keep the service from its start: nothing in Redis is needed, the next reconcile puts in again what is
 * due. The newest damaged folder is kept for who wants to look. Killed between: the older one is gone, the next start goes on from here.
 */
function setDataAside({ folder, logger }: RedisServerOptions, cause: string): boolean {
  const data = join(folder, dataFolder);
  if (lstatSync(data, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
  const aside = `${data}.damaged`;
  rmSync(aside, { recursive: true, force: true });
  renameSync(data, aside);
  logger.warn({ cause, kept: aside }, "redis-server cannot read its data, it begins with none; what is due is put in again");
  return true;
}

async function endOrphan(place: RedisPlace, { clock, logger }: RedisServerOptions): Promise<void> {
  if (!(await answersPing(place, clock))) return;
  if (!("path" in place)) {
    throw new LifeboatError("control-plane-unreachable", `port ${place.port} of this machine is taken by another redis`, {
      hint: "Choose another port, or set control.redis.url to use that redis.",
    });
  }
  logger.warn({ socket: place.path }, "a redis-server of a killed service still runs, ending it");
  await sendInline(place, "SHUTDOWN", clock, 10_000);
}

async function answersPing(place: RedisPlace, clock: Clock): Promise<boolean> {
  const answer = await sendInline(place, "PING", clock).catch(() => "");
  return answer === "+PONG";
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function endServer({ child, exited }: Server, clock: Clock, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  child.kill(signal);
  const timer = new AbortController();
  const killLater = clock.sleep(10_000, timer.signal).then(
    () => child.kill("SIGKILL"),
    () => undefined,
  );
  await exited;
  timer.abort();
  await killLater;
}
