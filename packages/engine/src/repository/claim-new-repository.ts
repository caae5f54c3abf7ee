import { type Clock, LifeboatError, withState } from "@lifeboat/model";
import type { ObjectStore } from "../backend/index.ts";
import { randomBytes } from "../crypto/index.ts";
import { configName, objectPrefix } from "../format/index.ts";

/** Between the key and the config of one who creates a repository lie two requests; one who takes longer has been killed. */
const othersTakeAtMostMs = 15_000;
const lookEveryMs = 250;
const maxRounds = 20;

/**
 * Stores the key of a repository that is about to be created so that of several who try at once at most one goes on; stores know
 * no "only if it is not there" that works everywhere. Everyone stores its key first and lists second, so of two at least one sees the
 * other; whoever does takes its own key back and waits. `repository-exists` when the other one has finished. Keys that stay alone
 * were left by a kill and are removed: without a config they open nothing.
 */
export async function claimNewRepository(
  store: ObjectStore,
  key: { readonly name: string; readonly bytes: Uint8Array },
  clock: Clock,
): Promise<void> {
  for (let round = 1; round <= maxRounds; round++) {
    await awaitOthers(store, key.name, clock);
    try {
      await store.put(key.name, key.bytes);
    } catch (error) {
      throw withState(error, "no repository was created");
    }
    if ((await listOtherKeys(store, key.name)).length === 0) {
      // The other one may have ended between our look at the config and our key.
      if ((await store.stat(configName)) === undefined) return;
      await store.delete(key.name);
      throw repositoryExists(store);
    }
    await store.delete(key.name);
    await clock.sleep(randomBytes(1)[0]! * 4);
  }
  throw new LifeboatError(
    "repository-exists",
    `others are creating a repository at ${store.url} all the time; nothing was changed`,
  );
}

export function repositoryExists(store: ObjectStore): LifeboatError {
  return new LifeboatError("repository-exists", `there is a repository at ${store.url} already; nothing was changed`);
}

/** Until there is neither a config nor a key of somebody else. */
async function awaitOthers(store: ObjectStore, ownName: string, clock: Clock): Promise<void> {
  const deadlineMs = clock.now() + othersTakeAtMostMs;
  let first: ReadonlySet<string> | undefined;
  for (;;) {
    if ((await store.stat(configName)) !== undefined) throw repositoryExists(store);
    const others = await listOtherKeys(store, ownName);
    if (others.length === 0) return;
    first ??= new Set(others);
    if (clock.now() >= deadlineMs) {
      for (const name of others) if (first.has(name)) await store.delete(name);
      return;
    }
    await clock.sleep(lookEveryMs);
  }
}

async function listOtherKeys(store: ObjectStore, ownName: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list(objectPrefix("key"))) if (name !== ownName) names.push(name);
  return names;
}
