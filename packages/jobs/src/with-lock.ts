import { isStale, listLocks, type Repository, RepositoryLock, removeLocks, type StoredLock } from "@lifeboat/engine";
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
 * The same with a lock for writing, and with what `read` makes of the repository: it reads while the lock settles. Its view of the
 * repository is one of its own, of which nobody has read before, and shares the store. What was read counts when the lock holds and all
 * index files that the view has loaded are still there then; else it is read again (docs/adr/0026).
 */
export async function withLockAndView<V, T>(
  context: JobContext,
  repository: Repository,
  read: (view: Repository, signal: AbortSignal) => Promise<V>,
  work: (lock: RepositoryLock, view: Repository, found: V) => Promise<T>,
): Promise<T> {
  const { signal } = context;
  let early: EarlyReading<V> | undefined;
  const lock = await takeLock(context, repository, {
    exclusive: false,
    stored: () => {
      early = beginReading(repository, read, signal);
    },
    givenUp: () => early?.drop(),
  });
  try {
    const first = await early?.found;
    // Whatever a prune takes, it first takes the index files that name it.
    if (first !== undefined && early !== undefined && (await early.view.hasIndexOfBefore({ signal }))) {
      return await work(lock, early.view, first.value);
    }
    const view = repository.forgetful();
    return await work(lock, view, await read(view, signal));
  } finally {
    await early?.drop();
    await lock.release();
  }
}

interface EarlyReading<V> {
  readonly view: Repository;
  /** undefined: it failed, perhaps because somebody who was alone removed what it was about to read. Never rejects. */
  readonly found: Promise<{ readonly value: V } | undefined>;
  /** What still reads stops, and is waited for: the store may be closed after that. */
  drop(): Promise<void>;
}

function beginReading<V>(
  repository: Repository,
  read: (view: Repository, signal: AbortSignal) => Promise<V>,
  signal: AbortSignal,
): EarlyReading<V> {
  const stop = new AbortController();
  const view = repository.forgetful();
  const found = read(view, AbortSignal.any([signal, stop.signal])).then(
    (value) => ({ value }),
    () => undefined,
  );
  return {
    view,
    found,
    async drop() {
      stop.abort();
      await found;
    },
  };
}

interface Taking {
  readonly exclusive: boolean;
  readonly stored?: () => void;
  /** What was begun with `stored` is of no use: the lock was not to be had. */
  readonly givenUp?: () => Promise<void> | undefined;
}

async function takeLock(context: JobContext, repository: Repository, taking: Taking): Promise<RepositoryLock> {
  const seen = await listLocks(repository);
  await removeDead(context, repository, seen);
  return acquire(context, repository, { ...taking, seen });
}

async function acquire(
  context: JobContext,
  repository: Repository,
  { exclusive, stored, givenUp, seen }: Taking & { readonly seen: readonly StoredLock[] },
): Promise<RepositoryLock> {
  const { owner, clock, locks, logger, signal } = context;
  const options = { exclusive, owner, clock, journal: locks, logger, signal, stored };
  for (const [at, pause] of waitMilliseconds.entries()) {
    try {
      // Where there was none, the look at dead locks is the first one. A lock that was there may have gone.
      return await RepositoryLock.acquire(repository, at === 0 && seen.length === 0 ? { ...options, seen } : options);
    } catch (error) {
      await givenUp?.();
      if (!isLifeboatError(error, "repository-locked") || error.context.stale === true) throw error;
      // A person sees this once, and not when it was a matter of seconds.
      const level = at === 2 ? "warn" : "info";
      logger[level]({ cause: error.message }, "waiting for the repository's lock, a minute or two at most");
      await clock.sleep(pause * (0.5 + shareOf(error.context.lock)), signal);
    }
  }
  try {
    return await RepositoryLock.acquire(repository, options);
  } catch (error) {
    await givenUp?.();
    throw error;
  }
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

async function removeDead(context: JobContext, repository: Repository, all: readonly StoredLock[]): Promise<number> {
  const dead = new Set(context.locks.deadLocks(repository.config.id));
  const own = all.filter((lock) => lock.hostname === context.owner.hostname);
  // A lock of ours that the journal does not know was stored just before a kill, or its journal is lost: age decides then. One that
  // it knows is judged by its process alone: a machine that slept has old locks of processes that live.
  const { locks, clock } = context;
  const isOrphan = (lock: StoredLock) => isStale(lock, clock.now()) && !locks.knows(repository.config.id, lock.id);
  const ids = new Set(own.filter((lock) => dead.has(lock.id) || isOrphan(lock)).map((lock) => lock.id));
  for (const id of dead) if (!own.some((lock) => lock.id === id)) context.locks.forget(repository.config.id, id);
  if (ids.size === 0) return 0;
  const removed = await removeLocks(repository, { ids });
  for (const { id } of removed) {
    context.locks.forget(repository.config.id, id);
    context.logger.info({ lock: id }, "removed the lock of a process of ours that has ended");
  }
  return removed.length;
}
