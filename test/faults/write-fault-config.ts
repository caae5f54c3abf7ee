import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { initRepository, openObjectStore } from "@lifeboat/engine";
import { realClock } from "@lifeboat/host";
import { type CompiledConfig, renderProblems } from "@lifeboat/model";
import { parseConfig } from "@lifeboat/model/config";
import { createBucket, type ObjectStore, type SshHost } from "../services/index.ts";

export interface FaultRepository {
  /** As restic spells it. */
  readonly url: string;
  readonly password: string;
  /** Of the object store; undefined for a folder. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface FaultRepositoryInStore extends FaultRepository {
  readonly bucket: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** A place for a repository of its own, in a new bucket of the real S3 server. */
export async function createRepositoryPlace(store: ObjectStore): Promise<FaultRepositoryInStore> {
  const bucket = await createBucket(store);
  const { accessKeyId, secretAccessKey } = store;
  return {
    url: `s3:${store.endpoint}/${bucket}/repo`,
    bucket,
    password: "a repository's password of a fault test",
    credentials: { accessKeyId, secretAccessKey },
  };
}

/** Creates the repository with a key that is cheap to open: these tests open it a hundred times. */
export async function initFaultRepository({ url, password, credentials }: FaultRepository): Promise<void> {
  const clock = realClock();
  const location = { url, credentials };
  const store = await openObjectStore(location, { clock });
  const cost = { N: 1024, r: 8, p: 1 };
  const repository = await initRepository({ store, location }, password, { clock, username: "lifeboat", hostname: "test", cost });
  await repository.close();
}

export interface FaultConfigParts {
  /** Where lifeboat.yaml and its secrets are written. */
  readonly folder: string;
  readonly repository: FaultRepository;
  readonly ssh: Pick<SshHost, "address" | "port" | "user" | "identityFile" | "knownHostsFile">;
  /** YAML of the map `policies`, indented by two. */
  readonly policies: string;
  /** Further repositories by name. */
  readonly others?: Readonly<Record<string, FaultRepository>>;
  /** Further top-level YAML. */
  readonly more?: string;
  /** Default lifeboat.yaml. */
  readonly name?: string;
}

/** Writes a configuration with the host web1 and the repository main as an administrator would, secrets in files; gives its path. */
export async function writeFaultConfig({
  folder,
  repository,
  ssh,
  policies,
  others = {},
  more = "",
  name = "lifeboat.yaml",
}: FaultConfigParts): Promise<string> {
  const repositories: string[] = [];
  for (const [repositoryName, { url, password, credentials }] of Object.entries({ main: repository, ...others })) {
    const prefix = repositoryName === "main" ? "" : `${repositoryName}-`;
    const writeSecret = (file: string, value: string) => writeFile(join(folder, prefix + file), `${value}\n`, { mode: 0o600 });
    await writeSecret("password", password);
    repositories.push(`  ${repositoryName}:\n    url: ${JSON.stringify(url)}\n    password: { file: ${prefix}password }\n`);
    if (credentials === undefined) continue;
    await writeSecret("key-id", credentials.accessKeyId);
    await writeSecret("secret-key", credentials.secretAccessKey);
    const keys = `access_key_id: { file: ${prefix}key-id }, secret_access_key: { file: ${prefix}secret-key }`;
    repositories.push(`    credentials: { ${keys} }\n`);
  }
  const { address, port, user, identityFile: identity, knownHostsFile: known_hosts } = ssh;
  const text = `version: 1
company: { name: Fault tests, timezone: Europe/Berlin }
control: { state: ${JSON.stringify(join(folder, "state"))} }
repositories:
${repositories.join("")}hosts:
  web1: ${JSON.stringify({ address, port, user, identity, known_hosts, connect_timeout: "2m" })}
policies:
${policies}${more}`;
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** The configuration in a file, compiled. */
export function compileFaultConfig(path: string, text: string): CompiledConfig {
  const files = [{ path, text }];
  const { config, problems } = parseConfig(files, { nowMs: Date.now() });
  if (config === undefined) throw new Error(renderProblems(problems, files));
  return config;
}
