import { type Clock, LifeboatError, messageOf } from "@lifeboat/model";
import type { ObjectStore, StoreLocation } from "../backend/index.ts";
import { createPolynomial, isIrreducible, parsePolynomial } from "../chunker/index.ts";
import { randomBytes, type ScryptCost, Sealer, type SealKey, sha256Hex, TagMismatch } from "../crypto/index.ts";
import {
  configName,
  createMasterKey,
  decodeConfig,
  encodeConfig,
  encodeKeyFile,
  idOfName,
  objectName,
  objectPrefix,
  openKeyFile,
  type RepositoryConfig,
} from "../format/index.ts";
import { claimNewRepository, repositoryExists } from "./claim-new-repository.ts";
import { Repository } from "./repository.ts";

export interface StorePlace {
  readonly store: ObjectStore;
  /** For threads that open the store on their own; undefined for a store in memory. */
  readonly location?: StoreLocation | undefined;
}

/** As restic: more keys are never tried, each costs half a second. */
const maxKeysTried = 20;

/** Throws `repository-missing`, `wrong-password`, `repository-unsupported`, `repository-damaged` and the store's errors. */
export async function openRepository(place: StorePlace, password: string): Promise<Repository> {
  const { store } = place;
  const config = await store.stat(configName);
  if (config === undefined) {
    throw new LifeboatError("repository-missing", `there is no repository at ${store.url}: it has no config object`);
  }
  const masterKey = await findMasterKey(store, password);
  return new Repository({ store, location: place.location, masterKey, config: await readConfig(store, masterKey) });
}

async function findMasterKey(store: ObjectStore, password: string): Promise<SealKey> {
  const ids: string[] = [];
  for await (const { name } of store.list(objectPrefix("key"))) {
    const id = idOfName(name);
    if (id !== undefined && ids.length < maxKeysTried) ids.push(id);
  }
  if (ids.length === 0) throw new LifeboatError("repository-damaged", `repository ${store.url} has no key`);
  let damage: unknown;
  for (const id of ids) {
    const file = await store.get(objectName("key", id));
    try {
      if (sha256Hex(file) !== id) throw new Error("its hash is not its name");
      return await openKeyOnce(id, file, password);
    } catch (error) {
      // A tag that does not fit means: another password's key. A damaged key must not hide one that opens.
      if (!(error instanceof TagMismatch)) damage = error;
    }
  }
  if (damage !== undefined && ids.length === 1) {
    throw new LifeboatError("repository-damaged", `key ${ids[0]} in ${store.url} is damaged: ${messageOf(damage)}`, {
      cause: damage,
    });
  }
  const keys = ids.length === 1 ? "the key" : `none of the ${ids.length} keys`;
  const opens = ids.length === 1 ? "does not open" : "opens";
  throw new LifeboatError("wrong-password", `${keys} of ${store.url} ${opens} with this password`);
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

async function readConfig(store: ObjectStore, masterKey: SealKey): Promise<RepositoryConfig> {
  const bytes = await store.get(configName);
  let config: RepositoryConfig;
  try {
    config = decodeConfig(new Sealer(masterKey).open(bytes));
    if (!isIrreducible(parsePolynomial(config.chunkerPolynomial))) throw new Error("its chunker polynomial is reducible");
  } catch (error) {
    if (/unknown version/.test(messageOf(error))) {
      throw new LifeboatError("repository-unsupported", `repository ${store.url} has ${messageOf(error)}`);
    }
    throw new LifeboatError("repository-damaged", `config of ${store.url} is damaged: ${messageOf(error)}`, { cause: error });
  }
  if (config.version !== 2) {
    throw new LifeboatError("repository-unsupported", `repository ${store.url} has format version ${config.version}`, {
      hint: "Upgrade it with 'restic migrate upgrade_repo_v2'.",
    });
  }
  return config;
}

export interface InitOptions {
  readonly clock: Clock;
  readonly username: string;
  readonly hostname: string;
  /** A replica takes its source's, so that blobs are the same. */
  readonly polynomial?: string | undefined;
  readonly cost?: ScryptCost | undefined;
}

/** Creates a repository. Order: key, then config. Two who do it at once: one of them gets `repository-exists`. */
export async function initRepository(place: StorePlace, password: string, options: InitOptions): Promise<Repository> {
  const { store } = place;
  if (password === "")
    throw new LifeboatError("usage", "the repository password is empty", {
      hint: "Set a password: without one anybody can read the repository.",
    });
  if ((await store.stat(configName)) !== undefined) throw repositoryExists(store);
  await refuseHeadless(store);
  const masterKey = createMasterKey();
  const created = new Date(options.clock.now()).toISOString();
  const key = await encodeKeyFile(
    masterKey,
    password,
    { created, username: options.username, hostname: options.hostname },
    options.cost,
  );
  await claimNewRepository(store, { name: objectName("key", sha256Hex(key)), bytes: key }, options.clock);
  const config: RepositoryConfig = {
    version: 2,
    id: randomBytes(32).toString("hex"),
    chunkerPolynomial: options.polynomial ?? createPolynomial(randomBytes),
  };
  await store.put(configName, new Sealer(masterKey).seal(encodeConfig(config)));
  return new Repository({ store, location: place.location, masterKey, config });
}

async function refuseHeadless(store: ObjectStore): Promise<void> {
  for (const prefix of [objectPrefix("snapshot"), objectPrefix("pack"), objectPrefix("index")]) {
    for await (const { name } of store.list(prefix)) {
      throw new LifeboatError(
        "repository-damaged",
        `${store.url} holds ${name} but no config: a repository that lost its config; nothing was changed`,
        {
          hint: "Bring the config object back from a copy; without it the repository cannot be opened.",
        },
      );
    }
  }
}
