import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LifeboatError, messageOf } from "@lifeboat/model";
import { ownIdentity, type ProcessIdentity, stateOf } from "./process-identity.ts";

/**
 * Which locks in repositories are ours, and which process held each. A killed command cannot remove its lock; the next one
 * finds it here and removes it, instead of waiting 30 minutes until it is stale.
 */
export interface OwnLocks {
  /** Call before the lock is stored: a kill in between must not leave a lock that nobody knows. */
  registerLock(lock: OwnLock): void;
  /** Call after the lock was removed from the repository. Unknown ones are fine. */
  forgetLock(lock: OwnLock): void;
  /** Its process lives and cares for it no longer, e.g. because it could not be removed: as if that had ended. */
  abandonLock(lock: OwnLock): void;
  /** Ids of this installation's locks in that repository whose process has ended, or has given them up. */
  deadLocks(repositoryId: string): string[];
  /** True for a lock that was registered here and not forgotten, whatever became of its process. */
  knowsLock(lock: OwnLock): boolean;
}

export interface OwnLock {
  /** `id` of the repository's config: 64 hex digits. */
  readonly repositoryId: string;
  /** Name of the lock file: 64 hex digits. */
  readonly lockId: string;
}

const hexName = /^[0-9a-f]{16,64}$/;
/** No process has started at this time. */
const neverStarted = "never";

export function openOwnLocks(stateFolder: string): OwnLocks {
  const folderOf = (repositoryId: string) => join(stateFolder, "locks", checkName(repositoryId));
  const pathOf = ({ repositoryId, lockId }: OwnLock) => join(folderOf(repositoryId), checkName(lockId));
  const note = (lock: OwnLock, holder: ProcessIdentity) => {
    const path = pathOf(lock);
    try {
      mkdirSync(folderOf(lock.repositoryId), { recursive: true, mode: 0o700 });
      writeFileSync(path, JSON.stringify(holder), { mode: 0o600 });
    } catch (error) {
      throw new LifeboatError("state-folder-failed", `lock cannot be noted in ${path} (${messageOf(error)})`, { cause: error });
    }
  };
  return {
    registerLock: (lock) => note(lock, ownIdentity()),
    abandonLock: (lock) => note(lock, { ...ownIdentity(), startTicks: neverStarted }),
    knowsLock: (lock) => existsSync(pathOf(lock)),
    forgetLock: (lock) => rmSync(pathOf(lock), { force: true }),
    deadLocks(repositoryId) {
      const folder = folderOf(repositoryId);
      return listFolder(folder).filter((lockId) => {
        const holder = readHolder(join(folder, lockId));
        return holder !== undefined && stateOf(holder) === "dead";
      });
    },
  };
}

function checkName(name: string): string {
  if (!hexName.test(name)) throw new Error(`'${name}' is not a hexadecimal id`);
  return name;
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => hexName.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** undefined when a kill left the note half written: the repository's own rule for stale locks then applies. */
function readHolder(path: string): ProcessIdentity | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, "utf8")) as Partial<ProcessIdentity>;
    const complete =
      Number.isInteger(holder.pid) &&
      [holder.startTicks, holder.bootId, holder.pidNamespace].every((field) => typeof field === "string");
    return complete ? (holder as ProcessIdentity) : undefined;
  } catch {
    return undefined;
  }
}
