import { LifeboatError } from "@lifeboat/model";
import type { RedisOptions } from "ioredis";

export interface RedisAddress {
  readonly options: Pick<RedisOptions, "path" | "host" | "port" | "username" | "password" | "db" | "tls">;
  /** For messages: without user and password. */
  readonly place: string;
}

export function parseRedisUrl(redisUrl: string): RedisAddress {
  if (redisUrl.startsWith("unix:")) {
    const path = redisUrl.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
    if (path.startsWith("/")) return { options: { path }, place: path };
  }
  const url = URL.canParse(redisUrl) ? new URL(redisUrl) : undefined;
  if (url === undefined || !["redis:", "rediss:"].includes(url.protocol) || url.hostname === "") {
    // the text itself may hold a password
    throw new LifeboatError("config-invalid", "control.redis.url is neither redis://HOST:PORT/DB nor unix:/PATH");
  }
  const port = url.port === "" ? 6379 : Number(url.port);
  const database = /^\/(\d+)$/.exec(url.pathname)?.[1];
  return {
    place: `${url.hostname}:${port}`,
    options: {
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port,
      ...(url.username !== "" && { username: decodeURIComponent(url.username) }),
      ...(url.password !== "" && { password: decodeURIComponent(url.password) }),
      ...(database !== undefined && { db: Number(database) }),
      ...(url.protocol === "rediss:" && { tls: {} }),
    },
  };
}
