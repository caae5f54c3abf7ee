import type { Machine, RunningCommand } from "@lifeboat/model";
import { LifeboatError } from "@lifeboat/model";
import { collectOutput } from "../process/collect-output.ts";
import { connectionString } from "./postgres-connection.ts";

/** A PostgreSQL server that may be written to. */
export interface PostgresTarget {
  /** Folder of its Unix socket, or an address. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string | undefined;
  /** Folder with psql and pg_restore; undefined: the machine's PATH. */
  readonly binFolder?: string | undefined;
}

export interface LoadPostgresOptions {
  readonly server: PostgresTarget;
  readonly database: string;
  readonly dump: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/** Creates an empty database from template0; rejects when one of that name exists, so that nothing is ever overwritten. */
export async function createPostgresDatabase(machine: Machine, options: Omit<LoadPostgresOptions, "dump">): Promise<void> {
  const { server, database, signal } = options;
  const words = ["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", `--dbname=${address(server, "postgres")}`];
  const command = await machine.run([program(server, "psql"), ...words], { signal, ...secrets(server) });
  const sql = `create database "${database.replaceAll('"', '""')}" template template0;\n`;
  const { status, stderr } = await collectOutput(command, { input: Buffer.from(sql), what: "psql" });
  signal.throwIfAborted();
  if (status === 0) return;
  throw targetFailure("psql", `database ${database} on ${machine.name}`, status, stderr);
}

/**
 * Loads a custom-format archive from a stream into a database that exists and is empty, and stops at the first object that
 * fails. Owners and rights are left out: their roles need not exist on a scratch server.
 */
export async function loadPostgresDump(machine: Machine, options: LoadPostgresOptions): Promise<void> {
  const { server, database, signal } = options;
  const words = ["--no-password", "--exit-on-error", "--no-owner", "--no-privileges", `--dbname=${address(server, database)}`];
  const command = await machine.run([program(server, "pg_restore"), ...words], { signal, ...secrets(server) });
  const { status, stderr } = await feedStream(command, options.dump);
  signal.throwIfAborted();
  if (status !== 0) throw targetFailure("pg_restore", `database ${database} on ${machine.name}`, status, stderr);
}

export interface LoadSqliteOptions {
  readonly path: string;
  readonly dump: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/**
 * Loads the text of `.dump` into a new file; refuses a file that exists. The text comes from another machine, and the shell
 * of sqlite3 knows commands that run programs: `-safe` (SQLite 3.37) forbids them.
 */
export async function loadSqliteDump(machine: Machine, options: LoadSqliteOptions): Promise<void> {
  const { path, signal } = options;
  const place = `${path} on ${machine.name}`;
  // `set -C` creates the file only where there is none. ">" of the shell and sqlite3 both take the path as it is.
  const script = 'set -C; (: > "$1") || exit 120; exec sqlite3 -safe -batch -bail -init /dev/null "$1"';
  const command = await machine.run(["sh", "-c", script, "lifeboat", path], { signal });
  const { status, stderr } = await feedStream(command, endingWithCommit(options.dump, place));
  signal.throwIfAborted();
  if (status === 120) {
    const code = /exist/.test(stderr) ? "target-not-empty" : "target-failed";
    throw new LifeboatError(code, `cannot create ${place}: ${stderr.trim().slice(0, 400)}`);
  }
  if (status !== 0 || stderr.trim() !== "") throw targetFailure("sqlite3", place, status, stderr);
}

/** sqlite3 takes a text that stops in the middle, rolls back and ends with status 0. */
async function* endingWithCommit(dump: AsyncIterable<Uint8Array>, place: string): AsyncGenerator<Uint8Array, void, undefined> {
  let tail: Buffer = Buffer.alloc(0);
  for await (const chunk of dump) {
    tail = Buffer.concat([tail, chunk.subarray(-16)]).subarray(-16);
    yield chunk;
  }
  if (!tail.toString("latin1").endsWith("\nCOMMIT;\n")) {
    throw new LifeboatError("target-failed", `the dump for ${place} has no end: its last line is not COMMIT;`);
  }
}

async function feedStream(command: RunningCommand, dump: AsyncIterable<Uint8Array>) {
  let failure: unknown;
  const feeding = (async () => {
    for await (const chunk of dump) {
      try {
        await command.write(chunk);
      } catch {
        return; // it ended early: its status and words say why
      }
    }
    command.endInput();
  })().catch((error: unknown) => {
    failure = error;
    command.kill();
  });
  const output = await drain(command);
  await feeding;
  if (failure !== undefined) throw failure;
  return output;
}

/** Nothing is wanted from stdout, and it may be as long as it likes: .dump may hold SELECTs of functions. */
async function drain(command: RunningCommand) {
  for await (const _chunk of command.stdout);
  const { status } = await command.exit;
  return { status, stderr: command.stderr() };
}

function address(server: PostgresTarget, database: string): string {
  return connectionString({ database, user: server.user, server: server.host, port: server.port });
}

function program(server: PostgresTarget, name: string): string {
  return server.binFolder === undefined ? name : `${server.binFolder}/${name}`;
}

function secrets(server: PostgresTarget) {
  return server.password === undefined ? {} : { secretEnv: { PGPASSWORD: server.password } };
}

function targetFailure(name: string, place: string, status: number | null, stderr: string): LifeboatError {
  const words = stderr.trim().slice(0, 800) || "without a word";
  const context = { program: name, status };
  if (status === 127) return new LifeboatError("command-missing", `${name} is not there for ${place}`, { context });
  if (/authentication failed|no password supplied|no pg_hba\.conf entry/i.test(stderr)) {
    return new LifeboatError("database-login-refused", `${place} refused the login: ${words}`, { context });
  }
  if (/No space left on device|disk is full/i.test(stderr))
    return new LifeboatError("target-full", `no space left for ${place}: ${words}`, { context });
  const code = /already exists/.test(stderr) && name === "psql" ? "target-not-empty" : "target-failed";
  return new LifeboatError(code, `${name} for ${place} failed: ${words}`, { context });
}
