import {
  isStale,
  type LockOptions,
  listLocks,
  type Repository,
  RepositoryLock,
  removeLocks,
  type StoredLock,
} from "@lifeboat/engine";
import { isLifeboatError } from "@lifeboat/model";
import type { JobContext } from "./job-context.ts";

/** Another job of ours may hold the repository for minutes; a person's `restic check` too. */
const waitMilliseconds = [1000, 2000, 5000, 10_000, 20_000, 30_000];

/**
 * Runs `work` under a repository lock. First removes locks that this installation's own dead processes left (a kill must not block
 * the next run), then waits a bounded time for others. Throws `repository-locked` when they do not let go.
 */
export async function withLock<T>(
  context: JobContext,
  repository: Repository,
  exclusive: boolean,
  work: (lock: RepositoryLock) => Promise<T>,
): Promise<T> {
  const lock = await takeLock(context, repository, { exclusive });
  try {
    return await work(lock);
  } finally {
    await lock.release();
  }
}

/**
 * The same with a lock for writing, and with what `read` makes of the repository: it reads through a fresh `forgetful` view while the lock
 * settles, and `work` is given both. They count when the lock holds and `isStillThere` then; else it is read again (docs/adr/0026).
 */
export async function withLockAndView<V, T>(
  context: JobContext,
  repository: Repository,
  { read, isStillThere = areLoadedIndexFilesThere }: Reading<V>,
  work: (lock: RepositoryLock, view: Repository, found: V) => Promise<T>,
): Promise<T> {
  const { signal } = context;
  let early: EarlyReading<V> | undefined;
  const lock = await takeLock(context, repository, {
    exclusive: false,
    onStored: () => {
      early = new EarlyReading(repository, read, signal);
    },
    onGivenUp: () => early?.drop(),
  });
  try {
    const confirmed = await early?.confirm(isStillThere);
    // The lock would keep it: two indexes in memory for hours.
    early = undefined;
    if (confirmed !== undefined) return await work(lock, confirmed.view, confirmed.found);
    const view = repository.forgetful();
    return await work(lock, view, await read(view, signal));
  } finally {
    await lock.release();
  }
}

interface Reading<V> {
  readonly read: (view: Repository, signal: AbortSignal) => Promise<V>;
  /** Whatever a prune takes, it first takes the index files that name it. Default: those that the view has loaded are asked for. */
  readonly isStillThere?: (found: V, view: Repository, signal: AbortSignal) => Promise<boolean>;
}

const areLoadedIndexFilesThere = (_: unknown, view: Repository, signal: AbortSignal) =>
  view.areIndexFilesThere(view.indexIds, { signal });

class EarlyReading<V> {
  readonly #view: Repository;
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #found: Promise<V>;

  constructor(repository: Repository, read: Reading<V>["read"], signal: AbortSignal) {
    this.#view = repository.forgetful();
    this.#signal = signal;
    this.#found = read(this.#view, AbortSignal.any([signal, this.#stop.signal]));
    this.#found.catch(() => {});
  }

  /** When the lock holds. undefined: somebody who was alone may have removed some of it. */
  async confirm(
    isStillThere: NonNullable<Reading<V>["isStillThere"]>,
  ): Promise<{ readonly view: Repository; readonly found: V } | undefined> {
    try {
      const found = await this.#found;
      if (await isStillThere(found, this.#view, this.#signal)) return { view: this.#view, found };
    } catch (error) {
      this.#stop.abort();
      this.#signal.throwIfAborted();
      if (!isLifeboatError(error, "object-missing") && !isLifeboatError(error, "repository-damaged")) throw error;
    }
    return undefined;
  }

  /** The lock was not to be had: what still reads is told to stop. */
  async drop(): Promise<void> {
    this.#stop.abort();
    await this.#found.catch(() => {});
  }
}

interface Taking {
  readonly exclusive: boolean;
  readonly onStored?: () => void;
  /** What was begun with `onStored` is of no use. */
  readonly onGivenUp?: () => Promise<void> | undefined;
}

async function takeLock(context: JobContext, repository: Repository, taking: Taking): Promise<RepositoryLock> {
  const { owner, clock, locks, logger, signal } = context;
  const seen = await listLocks(repository);
  await removeDead(context, repository, seen);
  const attempt = async (first: Pick<LockOptions, "seen">) => {
    const { exclusive, onStored } = taking;
    const options = { exclusive, owner, clock, journal: locks, logger, signal, onStored };
    try {
      return await RepositoryLock.acquire(repository, { ...options, ...first });
    } catch (error) {
      await taking.onGivenUp?.();
      throw error;
    }
  };
  for (const [at, pause] of waitMilliseconds.entries()) {
    try {
      // Where there was none, the look at dead locks is the first one. A lock that was there may have gone.
      return await attempt(at === 0 && seen.length === 0 ? { seen } : {});
    } catch (error) {
      if (!isLifeboatError(error, "repository-locked") || error.context.stale === true) throw error;
      // A person sees this once, and not when it was a matter of seconds.
      const level = at === 2 ? "warn" : "info";
      logger[level]({ cause: error.message }, "waiting for the repository's lock, a minute or two at most");
      await clock.sleep(pause * (0.5 + shareOf(error.context.lock)), signal);
    }
  }
  return attempt({});
}

/**
 * 0 to 1, another one for each who waits: those who began together must not come back together. The id of a lock is a hash, and two
 * who are in each other's way each know the other's.
 */
function shareOf(lockId: unknown): number {
  return Number.parseInt(String(lockId).slice(0, 8), 16) / 0xffff_ffff || 0;
}

/** Only locks of this installation whose process is known to be gone. Returns how many there were. */
export async function removeOwnDeadLocks(context: JobContext, repository: Repository): Promise<number> {
  return removeDead(context, repository, await listLocks(repository));
}

/** Of these the locks of this installation whose process is known to be gone. */
export function ownDeadLocks(context: JobContext, repository: Repository, all: readonly StoredLock[]): Set<string> {
  const dead = new Set(context.locks.deadLocks(repository.config.id));
  const own = all.filter((lock) => lock.hostname === context.owner.hostname);
  // A lock of ours that the journal does not know was stored just before a kill, or its journal is lost: age decides then. One that
  // it knows is judged by its process alone: a machine that slept has old locks of processes that live.
  const { locks, clock } = context;
  const isOrphan = (lock: StoredLock) => isStale(lock, clock.now()) && !locks.knows(repository.config.id, lock.id);
  return new Set(own.filter((lock) => dead.has(lock.id) || isOrphan(lock)).map((lock) => lock.id));
}

async function removeDead(context: JobContext, repository: Repository, all: readonly StoredLock[]): Promise<number> {
  const ids = ownDeadLocks(context, repository, all);
  for (const id of context.locks.deadLocks(repository.config.id)) {
    if (!all.some((lock) => lock.id === id && lock.hostname === context.owner.hostname))
      context.locks.forget(repository.config.id, id);
  }
  if (ids.size === 0) return 0;
  const removed = await removeLocks(repository, { ids });
  for (const { id } of removed) {
    context.locks.forget(repository.config.id, id);
    context.logger.info({ lock: id }, "removed the lock of a process of ours that has ended");
  }
  return removed.length;
}
