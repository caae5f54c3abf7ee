import { chmod, chown, mkdir, readdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { findFreePort } from "./free-port.ts";
import { runCommand } from "./run-command.ts";
import { retryStart, startServer } from "./start-server.ts";
import { createTempFolder } from "./temp-folder.ts";

export interface PostgresOptions {
  /** The superuser's password for connections over TCP; default `correct horse`. */
  readonly password?: string;
}

export interface PostgresServer extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** Superuser. Over the Unix socket no password is asked (`trust`), over TCP it is (`scram-sha-256`). */
  readonly user: string;
  readonly password: string;
  readonly socketFolder: string;
  /** A .pgpass file, mode 0600, with the right password. */
  readonly passwordFile: string;
  /** psql, pg_dump and pg_restore of the server's own version lie here. */
  readonly binFolder: string;
  readonly majorVersion: number;
  readonly pid: number;
  /** Runs SQL with psql over the socket; rows as lines, columns separated by `|`. Database default `postgres`. */
  sql(text: string, database?: string): Promise<string>;
  createDatabase(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** A private PostgreSQL cluster: Unix socket and loopback port, no fsync, superuser `postgres`. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { binFolder, majorVersion } = await findPostgres();
  const password = options.password ?? "correct horse";
  // PostgreSQL refuses to run as root.
  const account = process.getuid?.() === 0 ? "postgres" : undefined;
  const runAs = account === undefined ? {} : { account };
  const temp = await createTempFolder("pg");
  try {
    const data = join(temp.path, "data");
    const socketFolder = join(temp.path, "socket");
    const newPassword = join(temp.path, "new-password");
    const passwordFile = join(temp.path, "pgpass");
    for (const folder of [data, socketFolder]) await mkdir(folder);
    await chmod(data, 0o700);
    await writeFile(newPassword, `${password}\n`, { mode: 0o600 });
    if (account !== undefined) {
      const { uid, gid } = await readAccountIds(account);
      for (const path of [data, socketFolder, newPassword]) await chown(path, uid, gid);
    }
    await runCommand(
      join(binFolder, "initdb"),
      [
        "-D",
        data,
        "-U",
        "postgres",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
      ].concat(`--pwfile=${newPassword}`),
      { ...runAs, cwd: "/" },
    );
    const { server, port } = await retryStart(async () => {
      const port = await findFreePort();
      const settings = {
        listen_addresses: "127.0.0.1",
        port,
        unix_socket_directories: socketFolder,
        fsync: "off",
        shared_buffers: "16MB",
        max_connections: 50,
        dynamic_shared_memory_type: "mmap",
      };
      const server = await startServer({
        command: join(binFolder, "postgres"),
        args: ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
        ...runAs,
        stopSignal: "SIGINT", // "fast": a plain SIGTERM would wait for every client to leave
        isReady: async () => {
          const args = ["-q", "-h", socketFolder, "-p", `${port}`, "-U", "postgres"];
          return (await runCommand(join(binFolder, "pg_isready"), args, { accept: "any", cwd: "/" })).exitCode === 0;
        },
      });
      return { server, port };
    });
    await writeFile(passwordFile, `*:*:*:postgres:${password.replace(/[\\:]/g, "\\$&")}\n`, { mode: 0o600 });
    const sql = async (text: string, database = "postgres") => {
      const args = [
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        socketFolder,
        "-p",
        `${port}`,
        "-U",
        "postgres",
        "-d",
        database,
      ];
      const { stdout } = await runCommand(join(binFolder, "psql"), args, { input: text, cwd: "/" });
      return stdout.trimEnd();
    };
    const stop = async () => {
      await server.stop();
      await temp.remove();
    };
    return {
      address: "127.0.0.1",
      port,
      user: "postgres",
      password,
      socketFolder,
      passwordFile,
      binFolder,
      majorVersion,
      pid: server.pid,
      sql,
      createDatabase: async (name) => {
        await sql(`create database "${name.replaceAll('"', '""')}"`);
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await temp.remove();
    throw error;
  }
}

/** The newest PostgreSQL that Debian's packages have put on this machine. */
async function findPostgres(): Promise<{ binFolder: string; majorVersion: number }> {
  const root = "/usr/lib/postgresql";
  const versions = (await readdir(root).catch(() => [])).map(Number).filter((version) => version > 0);
  if (versions.length === 0) throw new Error(`no PostgreSQL under ${root}: apt-get install postgresql`);
  const majorVersion = Math.max(...versions);
  return { binFolder: join(root, `${majorVersion}`, "bin"), majorVersion };
}

async function readAccountIds(account: string): Promise<{ uid: number; gid: number }> {
  if (account === userInfo().username) return userInfo();
  const id = async (flag: string) => Number((await runCommand("id", [flag, account])).stdout);
  return { uid: await id("-u"), gid: await id("-g") };
}
