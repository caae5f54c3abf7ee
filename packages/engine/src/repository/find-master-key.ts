import { isLifeboatError, LifeboatError, messageOf } from "@lifeboat/model";
import type { ObjectStore } from "../backend/index.ts";
import { type SealKey, sha256Hex, TagMismatch } from "../crypto/index.ts";
import { idOfName, objectName, objectPrefix, openKeyFile } from "../format/index.ts";

/** As restic: more keys are never tried, each costs half a second. */
export const maxKeysTried = 20;

const maxKeyBytes = 64 * 1024;
const bringKeyBack =
  "Bring the objects below 'keys' back from a copy or an older version of them: without a key nobody can read the repository.";

/**
 * The key file that opens with this password, and the master key in it.
 * Errors: `wrong-password`, `repository-damaged` and the store's.
 */
export async function findMasterKey(
  store: ObjectStore,
  password: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly keyId: string; readonly masterKey: SealKey }> {
  const ids: string[] = [];
  for await (const { name } of store.list(objectPrefix("key"), options)) {
    const id = idOfName(name);
    if (id !== undefined && ids.length < maxKeysTried) ids.push(id);
  }
  if (ids.length === 0) {
    throw new LifeboatError("repository-damaged", `repository ${store.url} has no key`, { hint: bringKeyBack });
  }
  let damage: unknown;
  for (const id of ids) {
    try {
      const file = await store.get(objectName("key", id), { ...options, maxBytes: maxKeyBytes });
      if (sha256Hex(file) !== id) throw new Error("its hash is not its name");
      return { keyId: id, masterKey: await openKeyOnce(id, file, password) };
    } catch (error) {
      // A tag that does not fit means: another password's key. A damaged key must not hide one that opens.
      if (isLifeboatError(error) && error.code !== "repository-damaged") throw error;
      if (!(error instanceof TagMismatch)) damage = error;
    }
  }
  if (damage !== undefined && ids.length === 1) {
    throw new LifeboatError("repository-damaged", `key ${ids[0]} in ${store.url} is damaged: ${messageOf(damage)}`, {
      hint: bringKeyBack,
      cause: damage,
    });
  }
  const keys = ids.length === 1 ? "the key" : `none of the ${ids.length} keys`;
  const opens = ids.length === 1 ? "does not open" : "opens";
  throw new LifeboatError("wrong-password", `${keys} of ${store.url} ${opens} with this password`, {
    context: { repository: store.url },
  });
}

const maxKeptKeys = 32;
const keptKeys = new Map<string, SealKey>();

/** A service opens a repository for each run; deriving the key costs half a second of CPU and gigabytes of memory traffic each time. */
async function openKeyOnce(id: string, file: Uint8Array, password: string): Promise<SealKey> {
  const name = `${id} ${sha256Hex(Buffer.from(password))}`;
  const kept = keptKeys.get(name);
  if (kept !== undefined) return kept;
  const key = await openKeyFile(file, password);
  if (keptKeys.size >= maxKeptKeys) keptKeys.delete(keptKeys.keys().next().value!);
  keptKeys.set(name, key);
  return key;
}
