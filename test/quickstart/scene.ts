import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { cleanEnvironment } from "../services/clean-environment.ts";
import { createLifeboatCommand, type LifeboatCommand } from "./lifeboat-command.ts";
import type { QuickstartOptions } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** Where the story plays. */
export interface Scene {
  readonly options: QuickstartOptions;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly folder: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly environment: Readonly<Record<string, string>>;
  /** With the configuration, for whoever calls it in `folder`. */
  readonly lifeboat: LifeboatCommand;
  readonly repositories: { readonly main: string; readonly copy: string };
  readonly passwordFiles: { readonly main: string; readonly copy: string };
  readonly databasePassword: string;
}

export async function openScene(options: QuickstartOptions, terminal: Terminal, signal: AbortSignal): Promise<Scene> {
  const folder = options.folder === undefined ? await mkdtemp(join(tmpdir(), "lifeboat-quickstart-")) : resolve(options.folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) throw new Error(`--folder ${folder} is not empty; nothing was changed`);
  const secrets = join(folder, "secrets");
  await mkdir(secrets, { mode: 0o700 });
  const databasePassword = randomBytes(12).toString("hex");
  const passwords = { main: randomBytes(16).toString("hex"), copy: randomBytes(16).toString("hex") };
  for (const [name, password] of Object.entries({ ...passwords, "shop-database": databasePassword })) {
    await writeFile(join(secrets, name), `${password}\n`, { mode: 0o600 });
  }
  // A prefix of its own each time: an S3 server keeps what an earlier quickstart left.
  const root = options.s3Url === undefined ? folder : `${options.s3Url}/quickstart-${randomBytes(4).toString("hex")}`;
  const environment = environmentFor(options);
  return {
    options,
    terminal,
    signal,
    folder,
    configFile: join(folder, "lifeboat.yaml"),
    logFile: join(folder, "service.log"),
    environment,
    lifeboat: createLifeboatCommand({ environment, cwd: folder, signal }),
    repositories: { main: `${root}/repository`, copy: `${root}/copy` },
    passwordFiles: { main: join(secrets, "main"), copy: join(secrets, "copy") },
    databasePassword,
  };
}

/** The reader's own, without what would lead Lifeboat to another configuration or repository. */
function environmentFor({ s3Url }: QuickstartOptions): Record<string, string> {
  const aws = s3Url === undefined ? [] : Object.entries(process.env).filter(([name]) => name.startsWith("AWS_"));
  const kept = Object.entries(cleanEnvironment()).filter(([name]) => !/^LIFEBOAT_(CONFIG|REPOSITORY|PASSWORD)/.test(name));
  return Object.fromEntries([...kept, ...aws.map(([name, value]) => [name, value ?? ""]), ["NO_COLOR", "1"]]);
}
