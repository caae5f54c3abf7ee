import { Worker } from "node:worker_threads";
import { type Clock, LifeboatError, type Logger, rfc3339FromMilliseconds, silentLogger, withState } from "@lifeboat/model";
import { encodeUnpacked, idOfName, objectName, objectPrefix } from "../format/index.ts";
import {
  decodeLock,
  type LockFields,
  type LockOwner,
  lockLostMilliseconds,
  lockRefreshMilliseconds,
  lockSettleMilliseconds,
  lockStaleMilliseconds,
  type StoredLock,
} from "./lock-file.ts";
import type { LockKeeperData, LockKeeperMessage } from "./lock-keeper-thread.ts";
import type { Repository } from "./repository.ts";

/** Remembers on this machine which locks are ours, so that the next command can remove those of a dead process. */
export interface LockJournal {
  register(repositoryId: string, lockId: string): void;
  forget(repositoryId: string, lockId: string): void;
  /** It may be stored and nobody cares for it any more: the next command removes it, though this process lives. */
  abandon(repositoryId: string, lockId: string): void;
}

export interface LockOptions {
  readonly exclusive: boolean;
  readonly owner: LockOwner;
  readonly clock: Clock;
  readonly journal?: LockJournal | undefined;
  readonly logger?: Logger | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly refreshMilliseconds?: number;
  /** What a look at all locks has just found; default: it looks itself. */
  readonly seen?: readonly StoredLock[] | undefined;
  /** Told when the lock is stored. It does not hold yet: rivals are looked for after that. */
  readonly onStored?: (() => void) | undefined;
}

/** What the host name of every lock of Lifeboat's begins with. */
const ownHostnames = "lifeboat-";
/** Two seconds: one who gives way does so at its next look. */
const maxLooks = 10;

/** A held lock; `release` removes it. A kill leaves it behind: the journal lets the next command on this machine remove it. */
export class RepositoryLock {
  readonly #repository: Repository;
  readonly #options: LockOptions;
  #id: string;
  #wanted: Int32Array | undefined;
  #keeper: Worker | undefined;
  #keeperEnded: Promise<unknown> | undefined;
  #released = false;
  #renewedMs: number;
  /** Why it is lost, for ever: what was done while it was not there cannot be known. */
  #lost: string | undefined;

  private constructor(repository: Repository, options: LockOptions, id: string) {
    this.#repository = repository;
    this.#options = options;
    this.#id = id;
    this.#renewedMs = options.clock.now();
  }

  get id(): string {
    return this.#id;
  }

  /** Throws `repository-locked` naming the other holder. */
  static async acquire(repository: Repository, options: LockOptions): Promise<RepositoryLock> {
    const fields: LockFields = {
      time: rfc3339FromMilliseconds(options.clock.now()),
      exclusive: options.exclusive,
      ...options.owner,
    };
    refuseConflicts(repository, options.seen ?? (await listLocks(repository)), options);
    const { id, bytes } = encodeUnpacked(repository.sealer, JSON.stringify(fields));
    // Registered before it is stored: a kill between the two leaves a note about nothing, never an unknown lock.
    options.journal?.register(repository.config.id, id);
    try {
      await repository.store.put(objectName("lock", id), bytes, { sha256: id, signal: options.signal });
    } catch (error) {
      // It may be stored all the same, when only the answer was lost.
      options.journal?.abandon(repository.config.id, id);
      // Whoever takes a lock has not begun yet.
      throw withState(error, "nothing was changed");
    }
    const lock = new RepositoryLock(repository, options, id);
    try {
      options.onStored?.();
      await lock.#outlastRivals();
    } catch (error) {
      await lock.release();
      throw error;
    }
    lock.#keep(fields);
    return lock;
  }

  /**
   * Others may have stored their lock in the same moment. If all of them gave way, all would try again, and meet again, for ever: of
   * Lifeboat's own the one with the smallest id stays and waits until the others are gone. It never goes on beside one.
   */
  async #outlastRivals(): Promise<void> {
    const { clock, signal } = this.#options;
    for (let look = 1; ; look++) {
      await clock.sleep(lockSettleMilliseconds, signal);
      const others = (await listLocks(this.#repository)).filter(({ id }) => id !== this.#id);
      const rivals = others.filter((other) => other.exclusive || this.#options.exclusive);
      if (rivals.length === 0) return;
      const willGiveWay = rivals.every(({ id, hostname }) => hostname.startsWith(ownHostnames) && this.#id < id);
      if (!willGiveWay || look === maxLooks) refuseConflicts(this.#repository, rivals, this.#options);
    }
  }

  /**
   * Call before a commit: a lock that was not renewed in time, or that somebody removed, protects nothing any more, and a prune may
   * have taken what this job builds on. Throws `lock-lost`.
   */
  async assertHeld(): Promise<void> {
    const ageMs = this.#options.clock.now() - this.#renewedMs;
    if (!(await this.#isStored())) this.#lost ??= "was removed by somebody";
    // A store in memory has no keeper; nobody else can reach it.
    const isOld = this.#keeper !== undefined && ageMs >= lockLostMilliseconds;
    const why = this.#lost ?? (isOld ? `was not renewed for ${Math.round(ageMs / 60_000)} minutes` : undefined);
    if (why === undefined) return;
    throw new LifeboatError("lock-lost", `the lock on ${this.#repository.store.url} ${why}; nothing was committed`);
  }

  async #isStored(): Promise<boolean> {
    for (;;) {
      const looked = this.#id;
      if ((await this.#repository.store.stat(objectName("lock", looked))) !== undefined) return true;
      // It may just have been renewed: that is told before the old one goes, and the news may still wait to be heard.
      await this.#options.clock.sleep(0);
      if (this.#id === looked) return false;
    }
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    if (this.#keeper !== undefined && this.#wanted !== undefined) {
      this.#keeper.ref();
      Atomics.store(this.#wanted, 0, 1);
      Atomics.notify(this.#wanted, 0);
      await this.#keeperEnded;
    }
    try {
      await this.#repository.store.delete(objectName("lock", this.#id));
    } catch (error) {
      // It would be taken for held as long as this process lives.
      this.#options.journal?.abandon(this.#repository.config.id, this.#id);
      throw error;
    }
    this.#options.journal?.forget(this.#repository.config.id, this.#id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  #keep(lock: LockFields): void {
    const location = this.#repository.location;
    // A store in this process's memory cannot be reached from another thread; nobody else can reach it either.
    if (location === undefined) return;
    const shared = new SharedArrayBuffer(4);
    this.#wanted = new Int32Array(shared);
    const workerData: LockKeeperData = {
      location,
      masterKey: this.#repository.masterKey,
      lock,
      lockId: this.#id,
      refreshMilliseconds: this.#options.refreshMilliseconds ?? lockRefreshMilliseconds,
      wanted: shared,
    };
    this.#keeper = new Worker(new URL("./lock-keeper-thread.ts", import.meta.url), { workerData, execArgv: [] });
    this.#keeperEnded = new Promise((resolve) => this.#keeper?.once("exit", resolve));
    this.#keeper.on("message", (message: LockKeeperMessage) => this.#hear(message));
    this.#keeper.on("error", (error) => this.#options.logger?.error({ error: String(error) }, "the lock is no longer renewed"));
    this.#keeper.unref();
  }

  #hear(message: LockKeeperMessage): void {
    const { journal, logger = silentLogger } = this.#options;
    if (message.kind === "missed") {
      logger.warn({ cause: message.message }, "a lock could not be renewed, it is tried again");
      return;
    }
    if (message.kind === "removed") {
      this.#lost = "was removed by somebody";
      logger.error({ lock: this.#id }, "the lock was removed by somebody: what this run has done will not be committed");
      return;
    }
    journal?.register(this.#repository.config.id, message.lockId);
    journal?.forget(this.#repository.config.id, this.#id);
    this.#id = message.lockId;
    this.#renewedMs = this.#options.clock.now();
  }
}

/** All locks; a damaged one counts as exclusive, of an unknown holder. */
export async function listLocks(repository: Repository): Promise<StoredLock[]> {
  const locks: StoredLock[] = [];
  for await (const { name, size, modified } of repository.store.list(objectPrefix("lock"))) {
    const id = idOfName(name);
    if (id === undefined || size === 0) continue;
    try {
      locks.push(decodeLock(id, await repository.loadUnpacked("lock", id)));
    } catch (error) {
      // Released between listing and reading.
      if (error instanceof LifeboatError && error.code === "object-missing") continue;
      if (!(error instanceof LifeboatError) || error.code !== "repository-damaged") throw error;
      // Nobody can say what it forbids: it counts as exclusive, and its age is that of its object.
      const time = new Date(modified ?? Number.MAX_SAFE_INTEGER / 10_000).toISOString();
      locks.push(decodeLock(id, { hostname: "unreadable", exclusive: true, time }));
    }
  }
  return locks;
}

export function isStale(lock: StoredLock, now: number): boolean {
  return now - Date.parse(lock.time) > lockStaleMilliseconds;
}

/** Removes the locks with these ids, or all stale ones. Returns what was removed. */
export async function removeLocks(
  repository: Repository,
  which: { ids: ReadonlySet<string> } | { staleAt: number } | "all",
): Promise<StoredLock[]> {
  const removed: StoredLock[] = [];
  for (const lock of await listLocks(repository)) {
    const wanted = which === "all" || ("ids" in which ? which.ids.has(lock.id) : isStale(lock, which.staleAt));
    if (!wanted) continue;
    await repository.store.delete(objectName("lock", lock.id));
    removed.push(lock);
  }
  return removed;
}

function refuseConflicts(repository: Repository, locks: readonly StoredLock[], options: LockOptions): void {
  const rival = locks.find((lock) => lock.exclusive || options.exclusive);
  if (rival === undefined) return;
  const age = Math.max(0, Math.round((options.clock.now() - Date.parse(rival.time)) / 1000));
  const stale = isStale(rival, options.clock.now());
  throw new LifeboatError(
    "repository-locked",
    `repository ${repository.store.url} is locked ${rival.exclusive ? "exclusively" : "for writing"} by ${rival.hostname}, process ${rival.pid}, since ${age} s`,
    {
      hint: stale
        ? "The lock is older than 30 minutes and so left by a dead program: remove it with 'lifeboat repo unlock'."
        : "Wait for the other program; 'lifeboat repo unlock' removes the lock when it is older than 30 minutes.",
      context: { lock: rival.id, holder: rival.hostname, exclusive: rival.exclusive, stale },
    },
  );
}
