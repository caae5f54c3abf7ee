import { type Clock, isLifeboatError, LifeboatError, messageOf, rfc3339FromMilliseconds, withState } from "@lifeboat/model";
import { CacheFolder, type CacheOptions, type ObjectStore, type StoreLocation } from "../backend/index.ts";
import { createPolynomial, isIrreducible, parsePolynomial } from "../chunker/index.ts";
import { randomBytes, type ScryptCost, Sealer, type SealKey, sha256Hex } from "../crypto/index.ts";
import {
  configName,
  createMasterKey,
  decodeConfig,
  encodeConfig,
  encodeKeyFile,
  isId,
  objectName,
  objectPrefix,
  type RepositoryConfig,
} from "../format/index.ts";
import { claimNewRepository, repositoryExists } from "./claim-new-repository.ts";
import { findMasterKey } from "./find-master-key.ts";
import { Repository } from "./repository.ts";

export interface StorePlace {
  readonly store: ObjectStore;
  /** For threads that open the store on their own; undefined for a store in memory. */
  readonly location?: StoreLocation | undefined;
  /** Where index files, snapshot files and packs of folders are kept on this machine; undefined: nowhere. */
  readonly cache?: CacheOptions | undefined;
}

/** Throws `repository-missing`, `wrong-password`, `repository-unsupported`, `repository-damaged` and the store's errors. */
export async function openRepository(
  place: StorePlace,
  password: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Repository> {
  const { store } = place;
  // When the first questions fail, nothing has been done.
  await orUntouched(async () => {
    if ((await store.stat(configName, options)) !== undefined) return;
    await refuseHeadless(store, options);
    throw new LifeboatError("repository-missing", `there is no repository at ${store.url}: it has no config object`);
  });
  const { keyId, masterKey } = await findMasterKey(store, password, options);
  const repositoryConfig = await readConfig(store, masterKey, options);
  return openOn(place, { masterKey, keyId, config: repositoryConfig });
}

async function orUntouched(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw withState(error, "nothing was changed");
  }
}

function openOn({ store, location, cache }: StorePlace, parts: { masterKey: SealKey; keyId: string; config: RepositoryConfig }) {
  // The id becomes the name of a folder, and whoever wrote the config chose it.
  const folder = cache !== undefined && isId(parts.config.id) ? new CacheFolder(parts.config.id, cache) : undefined;
  return new Repository({ store, location, cache: folder, ...parts });
}

const maxConfigBytes = 64 * 1024;
const bringConfigBack =
  "Bring the object 'config' back from a copy or an older version of it: without it the repository cannot be opened.";

async function readConfig(
  store: ObjectStore,
  masterKey: SealKey,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<RepositoryConfig> {
  const bytes = await store.get(configName, { ...options, maxBytes: maxConfigBytes });
  let config: RepositoryConfig;
  try {
    config = decodeConfig(new Sealer(masterKey).open(bytes));
    if (!isIrreducible(parsePolynomial(config.chunkerPolynomial))) throw new Error("its chunker polynomial is reducible");
  } catch (error) {
    if (/unknown version/.test(messageOf(error))) {
      throw new LifeboatError("repository-unsupported", `repository ${store.url} has ${messageOf(error)}`);
    }
    throw new LifeboatError("repository-damaged", `config of ${store.url} is damaged: ${messageOf(error)}`, {
      hint: bringConfigBack,
      cause: error,
    });
  }
  if (config.version !== 2) {
    throw new LifeboatError("repository-unsupported", `repository ${store.url} has format version ${config.version}`, {
      hint: `Upgrade it with 'restic -r ${store.url} migrate upgrade_repo_v2'; Lifeboat reads and writes version 2.`,
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
  await orUntouched(async () => {
    if ((await store.stat(configName)) === undefined) return refuseHeadless(store);
    // A web server that has a page for every address has one for the config too; its page is no list of keys, which is then the error.
    for await (const _ of store.list(objectPrefix("key"))) break;
    throw repositoryExists(store);
  });
  const masterKey = createMasterKey();
  const created = rfc3339FromMilliseconds(options.clock.now());
  const key = await encodeKeyFile(
    masterKey,
    password,
    { created, username: options.username, hostname: options.hostname },
    options.cost,
  );
  const keyId = sha256Hex(key);
  await claimNewRepository(store, { name: objectName("key", keyId), bytes: key }, options.clock);
  const config: RepositoryConfig = {
    version: 2,
    id: randomBytes(32).toString("hex"),
    chunkerPolynomial: options.polynomial ?? createPolynomial(randomBytes),
  };
  const sealed = new Sealer(masterKey).seal(encodeConfig(config));
  await store.put(configName, sealed);
  await requireStored(store, objectName("key", keyId), key);
  await requireStored(store, configName, sealed);
  return openOn(place, { masterKey, keyId, config });
}

/** Something that says yes to everything and keeps nothing would be noticed when it is needed, which is too late. */
async function requireStored(store: ObjectStore, name: string, wanted: Uint8Array): Promise<void> {
  let found: Uint8Array | undefined;
  try {
    found = await store.get(name, { maxBytes: maxConfigBytes });
  } catch (error) {
    if (!isLifeboatError(error, "object-missing")) throw error;
  }
  if (found !== undefined && Buffer.compare(found, wanted) === 0) return;
  throw new LifeboatError("store-failed", `${store.url} took ${name} and does not have it now: it stores nothing`, {
    retry: "never",
    hint: "Check what answers at the repository's URL: a store gives back what it was given.",
    context: { store: store.url, object: name, state: "no repository was created" },
  });
}

async function refuseHeadless(store: ObjectStore, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
  for (const prefix of [objectPrefix("snapshot"), objectPrefix("pack"), objectPrefix("index")]) {
    for await (const { name } of store.list(prefix, options)) {
      throw new LifeboatError(
        "repository-damaged",
        `${store.url} holds ${name} but no config: a repository that lost its config; nothing was changed`,
        { hint: bringConfigBack },
      );
    }
  }
}
