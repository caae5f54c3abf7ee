import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  cleanEnvironment,
  createBucket,
  createTempFolder,
  findStockRestic,
  type ObjectStore,
  objectStoreEnvironment,
  type ResticVersion,
  type SshHost,
  startSshHost,
} from "../services/index.ts";
import { type Measured, measureCommand } from "./measure-command.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const lifeboat = [join(root, "node_modules/.bin/node"), join(root, "packages/cli/bin/lifeboat.js")];

/** What all rows share: a host, a folder, a password, and the peer where it is. */
export interface BenchStage extends AsyncDisposable {
  readonly folder: string;
  readonly ssh: SshHost;
  readonly passwordFile: string;
  readonly resticVersion: ResticVersion;
  /** undefined: not on this machine. */
  readonly restic: string | undefined;
}

export async function openBenchStage(): Promise<BenchStage> {
  const temp = await createTempFolder("bench");
  const ssh = await startSshHost();
  const resticVersion = "missing" in (await findStockRestic("0.18")) ? "0.14" : "0.18";
  const found = await findStockRestic(resticVersion);
  if ("missing" in found) process.stdout.write(`stock restic is not here (${found.missing}): Lifeboat is measured alone\n`);
  const passwordFile = join(temp.path, "password");
  writeFileSync(passwordFile, "a bench repository's password\n", { mode: 0o600 });
  return {
    folder: temp.path,
    ssh,
    passwordFile,
    resticVersion,
    restic: "missing" in found ? undefined : found.path,
    [Symbol.asyncDispose]: async () => {
      await ssh.stop();
      await temp.remove();
    },
  };
}

export function storeEnvironment(stage: BenchStage, store: ObjectStore | undefined): Record<string, string> {
  return cleanEnvironment({ ...(store && objectStoreEnvironment(store)), HOME: stage.folder });
}

export interface LifeboatParts {
  /** Of the configuration and the state folder. */
  readonly name: string;
  /** undefined: a folder. */
  readonly store: ObjectStore | undefined;
  /** Source name -> folder on the host. */
  readonly sources: Readonly<Record<string, string>>;
  /** Where the host is reached instead of its own port. */
  readonly port?: number | undefined;
}

export interface ReadyLifeboat {
  readonly configFile: string;
  readonly repositoryUrl: string;
  run(...words: string[]): Promise<Measured>;
}

/** A configuration with one policy, its repository made. */
export async function readyLifeboat(stage: BenchStage, { name, store, sources, port }: LifeboatParts): Promise<ReadyLifeboat> {
  const { ssh, folder, passwordFile } = stage;
  const url = store === undefined ? join(folder, `repo-${name}`) : `s3:${store.endpoint}/${await createBucket(store)}/lifeboat`;
  const configFile = join(folder, `lifeboat-${name}.yaml`);
  const source = ([sourceName, path]: [string, string]) => `      - { name: ${sourceName}, type: files, paths: [${path}] }`;
  const known = port === undefined ? ssh.knownHostsFile : knownAtPort(stage, port);
  writeFileSync(
    configFile,
    [
      "version: 1",
      "company: { name: Bench, timezone: UTC }",
      `control: { state: ${join(folder, `state-${name}`)} }`,
      `repositories: { main: { url: "${url}", password: { file: ${passwordFile} } } }`,
      `hosts: { web1: { address: ${ssh.address}, port: ${port ?? ssh.port}, user: ${ssh.user}, identity: ${ssh.identityFile}, known_hosts: ${known}, sudo: false } }`,
      "policies:",
      "  bench:",
      "    hosts: [web1]",
      "    repository: main",
      "    sources:",
      ...Object.entries(sources).map(source),
      "",
    ].join("\n"),
  );
  const environment = storeEnvironment(stage, store);
  const run = (...words: string[]) => measureCommand([...lifeboat, ...words, "--config", configFile], environment);
  await run("repo", "init", "--repo", "main");
  return { configFile, repositoryUrl: url, run };
}

/** A known_hosts file that has the host's key at another port. */
export function knownAtPort({ ssh, folder }: BenchStage, port: number): string {
  const file = join(folder, `known-${port}`);
  writeFileSync(file, readFileSync(ssh.knownHostsFile, "utf8").replace(`:${ssh.port}`, `:${port}`));
  return file;
}

/** What an earlier row has left to write must not slow the next one. */
export function settleDisk(): void {
  execFileSync("sync");
}

/** Of bytes that do not compress; made once. */
export async function makeBigFile(path: string, mebibytes: number): Promise<void> {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  const file = createWriteStream(path);
  for (let written = 0; written < mebibytes; written++) {
    if (!file.write(randomFillSync(Buffer.allocUnsafe(1024 * 1024)))) await once(file, "drain");
  }
  file.end();
  await once(file, "close");
  settleDisk();
}

/** `count` files, a thousand a folder, each of `bytes` that do not compress and occur once. */
export function makeManyFiles(path: string, count: number, bytes: number): void {
  for (let at = 0; at < count; at++) {
    const folder = join(path, `folder-${Math.floor(at / 1000)}`);
    if (at % 1000 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file-${at}`), bytes === 0 ? "" : randomFillSync(Buffer.allocUnsafe(bytes)));
  }
  settleDisk();
}
