import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { findFreePort } from "./free-port.ts";
import { retryStart, startServer } from "./start-server.ts";
import { createTempFolder } from "./temp-folder.ts";

export interface RedisOptions {
  /** To take the place of one that was killed. */
  readonly port?: number;
}

export interface RedisServer extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** Its data: append-only file. */
  readonly dataFolder: string;
  stop(): Promise<void>;
  /** SIGKILL; the folder stays until `stop`. */
  kill(): Promise<void>;
}

/** A private redis-server on loopback as the queue needs it: append-only file, no eviction. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const temp = await createTempFolder("redis");
  const dataFolder = join(temp.path, "data");
  try {
    await mkdir(dataFolder);
    const { server, port } = await retryStart(async () => {
      const port = options.port ?? (await findFreePort());
      const lines = [
        `port ${port}`,
        "bind 127.0.0.1",
        `dir ${dataFolder}`,
        "daemonize no",
        "appendonly yes",
        'save ""',
        "maxmemory-policy noeviction",
        "",
      ];
      await writeFile(join(temp.path, "redis.conf"), lines.join("\n"));
      const server = await startServer({
        command: "redis-server",
        args: [join(temp.path, "redis.conf")],
        isReady: () => answersPing(port),
      });
      return { server, port };
    });
    const stop = async () => {
      await server.stop();
      await temp.remove();
    };
    return {
      address: "127.0.0.1",
      port,
      url: `redis://127.0.0.1:${port}`,
      pid: server.pid,
      dataFolder,
      stop,
      kill: () => server.kill(),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await temp.remove();
    throw error;
  }
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, () => settle(false));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
    socket.once("data", (data) => settle(data.toString("latin1").startsWith("+PONG")));
  });
}
