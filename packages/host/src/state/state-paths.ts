import { join } from "node:path";

/** What lies where in the state folder; every program asks here. */
export interface StatePaths {
  /** The history database. */
  readonly history: string;
  /** Data and socket of the Redis that `lifeboat up` starts. */
  readonly redisFolder: string;
  readonly cacheFolder: string;
}

export function statePaths(stateFolder: string): StatePaths {
  return {
    history: join(stateFolder, "history.sqlite"),
    redisFolder: join(stateFolder, "redis"),
    cacheFolder: join(stateFolder, "cache"),
  };
}
