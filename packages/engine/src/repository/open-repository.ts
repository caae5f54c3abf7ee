import { type Clock, LifeboatError, messageOf } from "@lifeboat/model";
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
  const config = await store.stat(configName, options);
  if (config === undefined) {
    await refuseHeadless(store, options);
    throw new LifeboatError("repository-missing", `there is no repository at ${store.url}: it has no config object`);
  }
  const { keyId, masterKey } = await findMasterKey(store, password, options);
  const repositoryConfig = await readConfig(store, masterKey, options);
  return openOn(place, { masterKey, keyId, config: repositoryConfig });
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
  const keyId = sha256Hex(key);
  await claimNewRepository(store, { name: objectName("key", keyId), bytes: key }, options.clock);
  const config: RepositoryConfig = {
    version: 2,
    id: randomBytes(32).toString("hex"),
    chunkerPolynomial: options.polynomial ?? createPolynomial(randomBytes),
  };
  await store.put(configName, new Sealer(masterKey).seal(encodeConfig(config)));
  return openOn(place, { masterKey, keyId, config });
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
