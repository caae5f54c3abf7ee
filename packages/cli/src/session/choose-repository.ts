import type { RepositoryByHand, RepositoryChoice } from "@lifeboat/jobs";
import { type CompiledConfig, isName, LifeboatError } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";
import { loadConfig, loadConfigIfThere } from "./load-config.ts";
import { readLimits } from "./read-limits.ts";
import { readPasswordFile } from "./read-password-file.ts";
import type { Session } from "./session.ts";

export interface ChosenRepository {
  /** undefined: bare hands. */
  readonly config: CompiledConfig | undefined;
  readonly choice: RepositoryChoice;
}

/**
 * The repository of a command: `--repo` with a name of the configuration or a place, else LIFEBOAT_REPOSITORY or RESTIC_REPOSITORY,
 * else the configuration's. A place needs no configuration at all, and a broken one does not stop it.
 */
export async function chooseRepository(
  session: Session,
  values: OptionValues,
  fallback: (config: CompiledConfig) => string = onlyRepository,
): Promise<ChosenRepository> {
  return withLimits(values, await choosePlace(session, values, fallback));
}

function withLimits(values: OptionValues, { config, choice }: ChosenRepository): ChosenRepository {
  const limits = readLimits(values, config, "name" in choice ? choice.name : undefined);
  return { config, choice: limits === undefined ? choice : { ...choice, limits } };
}

async function choosePlace(
  session: Session,
  values: OptionValues,
  fallback: (config: CompiledConfig) => string,
): Promise<ChosenRepository> {
  const repo = values.text("repo");
  if (repo !== undefined && (!isName(repo) || values.text("password-file") !== undefined)) {
    return { config: undefined, choice: await byHand(session, values, repo) };
  }
  const config = await loadConfigIfThere(session);
  if (repo !== undefined) {
    // Where a configuration is, a name is the configuration's, also while restic's variables are set; else it may be a folder here.
    const isFolder = config === undefined && passwordFileOf(session, values) !== undefined;
    if (isFolder) return { config, choice: await byHand(session, values, repo) };
    return { config: config ?? (await loadConfig(session)), choice: { name: repo } };
  }
  const fromEnvironment = session.environment.LIFEBOAT_REPOSITORY ?? session.environment.RESTIC_REPOSITORY;
  if (config !== undefined) return { config, choice: { name: fallback(config) } };
  if (fromEnvironment) return { config: undefined, choice: await byHand(session, values, fromEnvironment) };
  throw new LifeboatError("usage", "no repository: there is no configuration, and no --repo", {
    hint: "Pass --repo PLACE --password-file FILE, or --config FILE.",
  });
}

/**
 * The second repository of a command that has two, named by `--to-repo` or `--from-repo` and the password file of the same beginning.
 * Nothing is taken from the environment: that names the first one.
 */
export async function chooseOtherRepository(
  session: Session,
  values: OptionValues,
  side: "to" | "from",
): Promise<ChosenRepository> {
  const repo = values.text(`${side}-repo`);
  const file = values.text(`${side}-password-file`);
  if (repo === undefined) {
    throw new LifeboatError("usage", `which repository ${side}? --${side}-repo is missing`, {
      hint: `Pass --${side}-repo PLACE --${side}-password-file FILE, or --${side}-repo NAME of the configuration.`,
    });
  }
  if (file !== undefined) {
    const password = await readPasswordFile(session, file, `--${side}-password-file`);
    session.mask.add(password);
    return withLimits(values, { config: undefined, choice: { url: repo, password } });
  }
  if (isName(repo)) return withLimits(values, { config: await loadConfig(session), choice: { name: repo } });
  throw new LifeboatError("usage", `the password of ${repo} is missing`, { hint: `Pass --${side}-password-file FILE.` });
}

export function onlyRepository(config: CompiledConfig): string {
  const names = [...config.repositories.keys()];
  if (names.length === 1) return names[0]!;
  throw new LifeboatError("usage", `which repository? the configuration has ${names.length}: ${names.join(", ")}`, {
    hint: `Add --repo ${names[0] ?? "NAME"}.`,
  });
}

/** The repository that an asset's policy backs up to, or the one that `--repo` names. */
export function repositoryOfAsset(asset: string | undefined): (config: CompiledConfig) => string {
  return (config) => {
    const policy = asset === undefined ? undefined : config.assets.get(asset)?.policy;
    const repository = policy === undefined ? undefined : config.policies.get(policy)?.repository;
    if (repository !== undefined) return repository;
    if (asset === undefined || config.repositories.size === 1) return onlyRepository(config);
    const known = [...config.assets.keys()].slice(0, 20).join(", ") || "none";
    throw new LifeboatError("asset-unknown", `there is no asset "${asset}" in the configuration (known: ${known})`, {
      hint: "For snapshots of an asset that is no longer configured, name the repository with --repo.",
    });
  };
}

function passwordFileOf({ environment }: Session, values: OptionValues): string | undefined {
  return values.text("password-file") ?? environment.LIFEBOAT_PASSWORD_FILE ?? environment.RESTIC_PASSWORD_FILE;
}

async function byHand(session: Session, values: OptionValues, url: string): Promise<RepositoryByHand> {
  const file = passwordFileOf(session, values);
  const fromEnvironment = session.environment.LIFEBOAT_PASSWORD ?? session.environment.RESTIC_PASSWORD;
  if (file === undefined && !fromEnvironment) {
    throw new LifeboatError("usage", "the repository's password is missing", {
      hint: "Pass --password-file FILE, or set LIFEBOAT_PASSWORD_FILE.",
    });
  }
  const password = file === undefined ? fromEnvironment! : await readPasswordFile(session, file, "--password-file");
  session.mask.add(password);
  return { url, password };
}
