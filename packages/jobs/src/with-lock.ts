import {
  isStale,
  type LocksSeen,
  lookAtLocks,
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
  const seen = await lookAtLocks(repository, context.clock);
  const removed = await removeDead(context, repository, seen.locks);
  // One look serves both, where nothing was changed after it.
  const lock = await acquire(context, repository, { exclusive, seen: removed === 0 ? seen : undefined });
  try {
    return await work(lock);
  } finally {
    await lock.release();
  }
}

async function acquire(
  context: JobContext,
  repository: Repository,
  { exclusive, seen }: { exclusive: boolean; seen: LocksSeen | undefined },
): Promise<RepositoryLock> {
  const { owner, clock, locks, logger, signal } = context;
  for (const [at, pause] of waitMilliseconds.entries()) {
    try {
      const isFirst = at === 0;
      return await RepositoryLock.acquire(repository, {
        ...{ exclusive, owner, clock, journal: locks, logger, signal },
        ...(isFirst && { seen }),
      });
    } catch (error) {
      if (!isLifeboatError(error, "repository-locked") || error.context.stale === true) throw error;
      // A person sees this once, and not when it was a matter of seconds.
      const level = at === 2 ? "warn" : "info";
      logger[level]({ cause: error.message }, "waiting for the repository's lock, a minute or two at most");
      await clock.sleep(pause * (0.5 + shareOf(error.context.lock)), signal);
    }
  }
  return RepositoryLock.acquire(repository, { exclusive, owner, clock, journal: locks, logger, signal });
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
  return removeDead(context, repository, (await lookAtLocks(repository, context.clock)).locks);
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
