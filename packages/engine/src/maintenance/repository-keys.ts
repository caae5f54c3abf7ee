import { type Clock, LifeboatError, messageOf, rfc3339FromMilliseconds } from "@lifeboat/model";
import { type ScryptCost, sha256Hex } from "../crypto/index.ts";
import { decodeKeyOrigin, encodeKeyFile, isId, type KeyFileOrigin, objectName, openKeyFile } from "../format/index.ts";
import { maxKeysTried } from "../repository/find-master-key.ts";
import type { Repository } from "../repository/repository.ts";

/** One password that opens the repository: all keys wrap the same master key. */
export interface RepositoryKey {
  readonly id: string;
  /** The one that this repository was opened with. */
  readonly isCurrent: boolean;
  /** Who made it and when; undefined for a file that cannot be read. */
  readonly origin: KeyFileOrigin | undefined;
}

export interface NewKey {
  readonly password: string;
  readonly username: string;
  readonly hostname: string;
  readonly clock: Clock;
  readonly cost?: ScryptCost | undefined;
}

/** No key file has more: ours and restic's have 500 bytes. */
const maxKeyBytes = 64 * 1024;

/** All keys, oldest first. One that is damaged is listed without an origin: it can be removed. */
export async function listKeys(
  repository: Repository,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RepositoryKey[]> {
  const keys: RepositoryKey[] = [];
  for (const id of await repository.listIds("key", options)) {
    keys.push({ id, isCurrent: id === repository.keyId, origin: await readOrigin(repository, id, options) });
  }
  const created = ({ origin }: RepositoryKey) => Date.parse(origin?.created ?? "") || 0;
  return keys.sort((a, b) => created(a) - created(b));
}

async function readOrigin(
  repository: Repository,
  id: string,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<KeyFileOrigin | undefined> {
  const file = await repository.store.get(objectName("key", id), { ...options, maxBytes: maxKeyBytes });
  if (sha256Hex(file) !== id) return undefined;
  try {
    return decodeKeyOrigin(file);
  } catch {
    return undefined;
  }
}

/** The one key whose id begins so. Errors: `key-not-found`; `usage` when several do. */
export async function findKey(
  repository: Repository,
  prefix: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const fitting = (await repository.listIds("key", options)).filter((id) => id.startsWith(prefix));
  const [id] = fitting;
  if (prefix === "" || id === undefined) {
    throw new LifeboatError("key-not-found", `${repository.store.url} has no key whose id begins with "${prefix}"`);
  }
  if (fitting.length === 1) return id;
  throw new LifeboatError("usage", `id ${prefix} fits ${fitting.length} keys`, { hint: "Give more digits of the id." });
}

/**
 * One more password for the repository. The key counts only when it was read back and has opened: one that does not is taken away
 * again. The caller holds a shared lock. A kill leaves the new key or none; the others are not touched. Resolves to its id.
 * Errors: `usage` for an empty password or a repository that has as many keys as are ever tried; `repository-damaged` when the
 * store does not give back what was stored.
 */
export async function addKey(repository: Repository, key: NewKey): Promise<string> {
  const count = (await repository.listIds("key")).length;
  if (count >= maxKeysTried) {
    throw new LifeboatError(
      "usage",
      `${repository.store.url} has ${count} keys, and no more than ${maxKeysTried} are tried when it is opened; nothing was changed`,
      { hint: "Remove one with 'lifeboat key remove ID'." },
    );
  }
  return storeKey(repository, key);
}

async function storeKey(repository: Repository, { password, username, hostname, clock, cost }: NewKey): Promise<string> {
  if (password === "") {
    throw new LifeboatError("usage", "the new repository password is empty; nothing was changed", {
      hint: "Set a password: without one anybody can read the repository.",
    });
  }
  const { store, masterKey } = repository;
  const origin = { created: rfc3339FromMilliseconds(clock.now()), username, hostname };
  const file = await encodeKeyFile(masterKey, password, origin, cost);
  const id = sha256Hex(file);
  const name = objectName("key", id);
  await store.put(name, file, { sha256: id });
  try {
    const opened = await openKeyFile(await store.get(name, { maxBytes: maxKeyBytes }), password);
    const isSame = (["encrypt", "macK", "macR"] as const).every((part) =>
      Buffer.from(opened[part]).equals(Buffer.from(masterKey[part])),
    );
    if (!isSame) throw new Error("it holds another master key");
    return id;
  } catch (error) {
    // It may be what keeps somebody out who believes in it. Killed here: one key that does not open; the others do.
    await store.delete(name).catch(() => {});
    if (error instanceof LifeboatError) throw error;
    throw new LifeboatError(
      "repository-damaged",
      `the new key ${id} in ${store.url} does not open: ${messageOf(error)}; it was removed, the others are as before`,
      { cause: error },
    );
  }
}

/**
 * Takes a password's right to open the repository from now on; who has read the master key before keeps it. The caller holds the
 * exclusive lock. Errors: `usage` for the key in use: without it the repository might be open to nobody.
 */
export async function removeKey(repository: Repository, id: string): Promise<void> {
  if (!isId(id)) throw new LifeboatError("usage", `"${id}" is no key's id; nothing was changed`);
  if (id === repository.keyId) {
    throw new LifeboatError("usage", `key ${id.slice(0, 8)} is the one in use; nothing was changed`, {
      hint: "Open the repository with another key's password to remove this one.",
    });
  }
  // What survives a kill: this key or not; the one in use stays in any case.
  await repository.store.delete(objectName("key", id));
}

export interface ChangedPassword {
  readonly added: string;
  readonly removed: string;
}

/**
 * Replaces the key in use. The caller holds the exclusive lock. The new one has opened before the old one goes: killed between the
 * two, both passwords open. Errors: as `addKey`; the old password then still opens.
 */
export async function changePassword(repository: Repository, key: NewKey): Promise<ChangedPassword> {
  const added = await storeKey(repository, key);
  await repository.store.delete(objectName("key", repository.keyId));
  return { added, removed: repository.keyId };
}
