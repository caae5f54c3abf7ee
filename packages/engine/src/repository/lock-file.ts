/** A lock as stored (repository-format 2). */
export interface LockFields {
  readonly time: string;
  readonly exclusive: boolean;
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
}

export interface StoredLock extends LockFields {
  readonly id: string;
}

/** Who holds the lock. The host name is `lifeboat-<install uuid>`: it can never be the name of a machine on which somebody runs
 * `restic unlock`, which would send SIGHUP to a process of ours or remove a lock that is alive. */
export interface LockOwner {
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
}

/** restic's own margins. */
export const lockRefreshMilliseconds = 5 * 60 * 1000;
/** Others may take it for dead at 30 minutes: from here on its holder no longer relies on it. */
export const lockLostMilliseconds = 22 * 60 * 1000;
export const lockStaleMilliseconds = 30 * 60 * 1000;
/** Between writing a lock and looking for a rival that wrote at the same time. */
export const lockSettleMilliseconds = 200;

export function decodeLock(id: string, json: unknown): StoredLock {
  const raw = json as Partial<Record<keyof LockFields, unknown>> | null;
  return {
    id,
    time: String(raw?.time ?? "1970-01-01T00:00:00Z"),
    exclusive: raw?.exclusive === true,
    hostname: String(raw?.hostname ?? ""),
    username: String(raw?.username ?? ""),
    pid: Number(raw?.pid ?? 0),
  };
}
