import type { Clock } from "@lifeboat/model";
import { removeLocks } from "../repository/lock.ts";
import type { StoredLock } from "../repository/lock-file.ts";
import type { Repository } from "../repository/repository.ts";

/**
 * Removes locks that nobody has renewed for 30 minutes, by the store's own clock where it has one: ours may be wrong.
 * `all` also removes those that may be alive; ask the person first. Returns what was removed.
 */
export async function unlockRepository(
  repository: Repository,
  options: { readonly clock: Clock; readonly all?: boolean | undefined },
): Promise<StoredLock[]> {
  if (options.all === true) return removeLocks(repository, "all");
  const staleAt = (await repository.store.serverTime?.()) ?? options.clock.now();
  return removeLocks(repository, { staleAt });
}
