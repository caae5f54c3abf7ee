import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CompiledConfig, parseConfig, renderProblems } from "@lifeboat/model";
import { createBucket, type ObjectStore, type SshHost } from "../services/index.ts";

export interface FaultRepository {
  /** As restic spells it. */
  readonly url: string;
  readonly bucket: string;
  readonly password: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** A place for a repository of its own, in a new bucket of the real S3 server. */
export async function createRepositoryPlace(store: ObjectStore): Promise<FaultRepository> {
  const bucket = await createBucket(store);
  const { accessKeyId, secretAccessKey } = store;
  return {
    url: `s3:${store.endpoint}/${bucket}/repo`,
    bucket,
    password: "a repository's password of a fault test",
    credentials: { accessKeyId, secretAccessKey },
  };
}

export interface FaultConfigParts {
  /** Where lifeboat.yaml and its secrets are written. */
  readonly folder: string;
  readonly repository: FaultRepository;
  readonly ssh: SshHost;
  /** YAML of the map `policies`, indented by two. */
  readonly policies: string;
  /** Further top-level YAML. */
  readonly more?: string;
}

/** Writes a configuration with the host web1 and the repository main as an administrator would, secrets in files; gives its path. */
export async function writeFaultConfig({ folder, repository, ssh, policies, more = "" }: FaultConfigParts): Promise<string> {
  const secrets = {
    password: repository.password,
    "key-id": repository.credentials.accessKeyId,
    "secret-key": repository.credentials.secretAccessKey,
  };
  for (const [name, value] of Object.entries(secrets)) await writeFile(join(folder, name), `${value}\n`, { mode: 0o600 });
  const text = `version: 1
company: { name: Fault tests, timezone: Europe/Berlin }
control: { state: ${JSON.stringify(join(folder, "state"))} }
repositories:
  main:
    url: ${JSON.stringify(repository.url)}
    password: { file: password }
    credentials: { access_key_id: { file: key-id }, secret_access_key: { file: secret-key } }
hosts:
  web1: ${JSON.stringify({ address: ssh.address, port: ssh.port, user: ssh.user, identity: ssh.identityFile, known_hosts: ssh.knownHostsFile })}
policies:
${policies}${more}`;
  const path = join(folder, "lifeboat.yaml");
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
