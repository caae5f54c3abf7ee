import {
  type CacheOptions,
  createPace,
  initRepository,
  limitRate,
  loadStoreCode,
  type ObjectStore,
  openObjectStore,
  openRepository,
  parseRepositoryUrl,
  type Repository,
  type S3Credentials,
  type StoreLocation,
  type StorePaces,
} from "@lifeboat/engine";
import {
  type Clock,
  type CompiledRepository,
  LifeboatError,
  type RateLimits,
  ratesAt,
  type SecretReference,
} from "@lifeboat/model";
import type { JobContext } from "./job-context.ts";

/** A repository by its name in the config, or with everything given by hand. */
export type RepositoryChoice = { readonly name: string; readonly limits?: RateLimits | undefined } | RepositoryByHand;

export interface RepositoryByHand {
  readonly url: string;
  readonly password: string;
  readonly credentials?: S3Credentials | undefined;
  /** Default: none. */
  readonly limits?: RateLimits | undefined;
  /** Between the store and its retries: tests count and break operations here. */
  readonly wrap?: ((store: ObjectStore) => ObjectStore) | undefined;
}

/** Opens it; the caller closes it. Errors: as openRepository, and `asset-unknown`, `secret-unresolved`. */
export async function openChosenRepository(context: JobContext, choice: RepositoryChoice): Promise<Repository> {
  const { store, location, cache, password } = await openPlace(context, choice);
  try {
    return await openRepository({ store, location, cache }, password, { signal: context.signal });
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Resolves when the code of its store is there. Never rejects: what is wrong is told to who opens it. */
export async function loadRepositoryCode(context: Pick<JobContext, "config">, choice: RepositoryChoice): Promise<void> {
  const url = "url" in choice ? choice.url : context.config?.repositories.get(choice.name)?.url;
  if (url !== undefined) await loadStoreCode({ url }).catch(() => {});
}

export async function initChosenRepository(
  context: JobContext,
  choice: RepositoryChoice,
  polynomial?: string,
): Promise<Repository> {
  const { store, location, cache, password } = await openPlace(context, choice);
  try {
    const { hostname, username } = context.owner;
    return await initRepository({ store, location, cache }, password, { clock: context.clock, hostname, username, polynomial });
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openPlace(context: JobContext, choice: RepositoryChoice) {
  const configured = "url" in choice ? undefined : findRepository(context, choice.name);
  const byHand = configured === undefined ? (choice as RepositoryByHand) : await resolveRepository(context, configured);
  const limits = choice.limits ?? configured?.limits;
  const paces = limits === undefined ? {} : pacesOf(limits, context.clock);
  const location: StoreLocation = { url: byHand.url, credentials: byHand.credentials };
  const store = await openObjectStore(location, {
    clock: context.clock,
    wrap: (bare) => {
      const wrapped = byHand.wrap?.(bare) ?? bare;
      return limits === undefined ? wrapped : limitRate(wrapped, paces);
    },
    onRetry: (event) => context.logger.warn({ ...event, error: event.error.message }, "the store did not do it, trying again"),
  });
  return { store, location, cache: cacheOf(context, byHand.url), password: byHand.password };
}

function cacheOf({ cache, clock, logger }: JobContext, url: string): CacheOptions | undefined {
  if (cache === undefined || (parseRepositoryUrl(url).kind === "local" && cache.isAsked !== true)) return undefined;
  return { folder: cache.folder, clock, onProblem: (reason) => logger.info({}, reason) };
}

/** One pace for all that this program does with a repository: its runs share the line. */
const sharedPaces = new WeakMap<RateLimits, StorePaces>();

function pacesOf(limits: RateLimits, clock: Clock): StorePaces {
  let paces = sharedPaces.get(limits);
  if (paces === undefined) {
    const pace = (direction: "upload" | "download") =>
      createPace({ clock, bytesPerSecond: () => ratesAt(limits, clock.now())[direction] });
    paces = { upload: pace("upload"), download: pace("download") };
    sharedPaces.set(limits, paces);
  }
  return paces;
}

export function findRepository(context: JobContext, name: string): CompiledRepository {
  const repository = context.config?.repositories.get(name);
  if (repository === undefined) {
    const known = [...(context.config?.repositories.keys() ?? [])].join(", ") || "none";
    throw new LifeboatError("asset-unknown", `there is no repository "${name}" in the configuration (known: ${known})`);
  }
  return repository;
}

async function resolveRepository(context: JobContext, repository: CompiledRepository): Promise<RepositoryByHand> {
  const resolve = (reference: SecretReference, what: string) =>
    context.secrets.resolve(reference, `${what} of repository ${repository.name}`);
  const password = await resolve(repository.password, "password");
  const { credentials } = repository;
  if (credentials.kind === "chain") return { url: repository.url, password };
  return {
    url: repository.url,
    password,
    credentials: {
      accessKeyId: await resolve(credentials.accessKeyId, "access key id"),
      secretAccessKey: await resolve(credentials.secretAccessKey, "secret access key"),
    },
  };
}
