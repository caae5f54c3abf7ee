import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cheapenKey } from "../fixtures/cheapen-key.ts";
import {
  createTempFolder,
  type PostgresServer,
  runCommand,
  type SshHost,
  startPostgres,
  startSshHost,
  type TempFolder,
} from "../services/index.ts";
import { projectFolder } from "./read-fences.ts";

const program = join(projectFolder, "packages/cli/bin/lifeboat.js");

/** What the documents' examples speak of: a web server's folder, a PostgreSQL and a SQLite database, backed up by the real command. */
export interface ExampleBackups extends AsyncDisposable {
  readonly folder: string;
  readonly repository: string;
  readonly passwordFile: string;
  readonly configFile: string;
  /** Stands for the documents' /srv/www. */
  readonly tree: string;
  readonly postgres: PostgresServer;
  lifeboat(args: readonly string[]): Promise<string>;
}

export async function createExampleBackups(): Promise<ExampleBackups> {
  const temp: TempFolder = await createTempFolder("docs");
  let ssh: SshHost | undefined;
  let postgres: PostgresServer | undefined;
  const close = async () => {
    await postgres?.stop();
    await ssh?.stop();
    await temp.remove();
  };
  try {
    [ssh, postgres] = await Promise.all([startSshHost(), startPostgres()]);
    const tree = join(temp.path, "srv/www");
    await mkdir(join(tree, "uploads"), { recursive: true });
    await writeFile(join(tree, "index.html"), "<h1>shop</h1>\n");
    await writeFile(join(tree, "uploads/001.jpg"), "a picture\n".repeat(1000));
    await chmod(join(tree, "uploads/001.jpg"), 0o640);
    await symlink("uploads", join(tree, "newest"));
    await postgres.createDatabase("shop");
    await postgres.sql("create table orders (id int primary key); insert into orders select generate_series(1, 500);", "shop");
    const database = join(temp.path, "app.db");
    await runCommand("sqlite3", [database, "create table notes (id int, text text); insert into notes values (1, 'hello');"]);
    const repository = join(temp.path, "repo");
    const passwordFile = join(temp.path, "repo-password");
    await writeFile(passwordFile, "written on paper\n", { mode: 0o600 });
    await writeFile(join(temp.path, "shop-password"), `${postgres.password}\n`, { mode: 0o600 });
    const login = { port: ssh.port, user: ssh.user, identity: ssh.identityFile, known_hosts: ssh.knownHostsFile };
    const configFile = join(temp.path, "lifeboat.yaml");
    await writeFile(
      configFile,
      `version: 1
company: { name: Acme, timezone: Europe/Berlin }
control: { state: ${JSON.stringify(join(temp.path, "state"))} }
repositories:
  main: { url: ${JSON.stringify(repository)}, password: { file: repo-password } }
defaults:
  policy: { repository: main }
hosts:
  web1: ${JSON.stringify({ address: ssh.address, ...login })}
  db1: ${JSON.stringify({ address: ssh.address, ...login })}
policies:
  web:
    hosts: [web1]
    sources:
      - { name: www, type: files, paths: [${JSON.stringify(tree)}] }
      - { name: app, type: sqlite, path: ${JSON.stringify(database)} }
  shop:
    hosts: [db1]
    sources:
      - { name: shop, type: postgresql, database: shop, server: 127.0.0.1, port: ${postgres.port}, user: postgres, password: { file: shop-password }, record: { rows: all } }
`,
    );
    const env = { HOME: temp.path, PATH: process.env.PATH ?? "" };
    const lifeboat = async (args: readonly string[]) =>
      (await runCommand(process.execPath, [program, ...args, "--config", configFile], { cwd: temp.path, env })).stdout;
    await lifeboat(["repo", "init", "--repo", "main"]);
    await cheapenKey(repository, "written on paper");
    await lifeboat(["backup", "run", "web", "shop", "--here"]);
    return {
      folder: temp.path,
      repository,
      passwordFile,
      configFile,
      tree,
      postgres,
      lifeboat,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
