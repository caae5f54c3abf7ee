import { LifeboatError, type Machine, messageOf } from "@lifeboat/model";
import { lastWords, outputOf, runCommand } from "../machine/run-command.ts";
import type { PostgresServer } from "../ports.ts";
import {
  firstErrorLine,
  maxAnswerBytes,
  nullMarker,
  type QueryAnswer,
  type QueryOptions,
  queryMarker,
  trimQuery,
} from "./query-answer.ts";

/** One identifier, dots and all. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** "table" or "schema.table" -> each part quoted. */
export function quotePostgresName(name: string): string {
  const dot = name.indexOf(".");
  return dot > 0 ? `${quoteIdentifier(name.slice(0, dot))}.${quoteIdentifier(name.slice(dot + 1))}` : quoteIdentifier(name);
}

export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Connection URL for programs; holds the password where there is one, so it only ever goes into a private file. */
export function postgresUrl(server: PostgresServer, database: string): string {
  const user = encodeURIComponent(server.user) + (server.password === undefined ? "" : `:${encodeURIComponent(server.password)}`);
  if (server.host.startsWith("/")) {
    return `postgresql://${user}@/${encodeURIComponent(database)}?host=${encodeURIComponent(server.host)}&port=${server.port}`;
  }
  return `postgresql://${user}@${server.host}:${server.port}/${encodeURIComponent(database)}`;
}

interface Psql {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly secretEnv: Readonly<Record<string, string>>;
}

function psql(server: PostgresServer, database: string): Psql {
  const program = server.binFolder === undefined ? "psql" : `${server.binFolder}/psql`;
  const output = ["--no-align", "--tuples-only", "-F", "\u001f", "-R", "\u001e", "-P", `null=${nullMarker}`];
  return {
    argv: [program, "--no-psqlrc", "--quiet", "--no-password", ...output, "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"],
    env: {
      PGHOST: server.host,
      PGPORT: String(server.port),
      PGUSER: server.user,
      PGDATABASE: database,
      PGCONNECT_TIMEOUT: "15",
      PGCLIENTENCODING: "UTF8",
      PGTZ: "UTC",
      PGDATESTYLE: "ISO",
    },
    secretEnv: server.password === undefined ? {} : { PGPASSWORD: server.password },
  };
}

/** Runs statements, each in its own transaction (`create database` needs that). Rejects with drill-target-failed. */
export async function runPostgresScript(
  machine: Machine,
  server: PostgresServer,
  database: string,
  script: string,
  signal: AbortSignal,
): Promise<void> {
  const { argv, env, secretEnv } = psql(server, database);
  const result = await runCommand(machine, argv, { signal, input: `${script}\n`, env, secretEnv });
  if (result.exit.status !== 0) {
    throw new LifeboatError("drill-target-failed", `postgresql on ${machine.name} refused: ${lastWords(result)}`);
  }
}

/** True when `create database` was refused because there is one of that name, also one made at the same moment. */
export function isNameTaken(error: unknown): boolean {
  return /ERROR:\s+(42P04|23505)\b/.test(messageOf(error));
}

/** Undefined table, column, schema or database: the thing that should have come back is not there. */
const missingStates = /(ERROR|FATAL):\s+(42P01|42703|3F000|3D000)\b/;

/** Asks one query in a transaction that is rolled back; without `damage` the transaction is read-only. */
export async function queryPostgres(
  machine: Machine,
  server: PostgresServer,
  database: string,
  query: string,
  options: QueryOptions,
): Promise<QueryAnswer> {
  const { argv, env, secretEnv } = psql(server, database);
  const script = [
    `set statement_timeout = ${Math.max(1, Math.ceil(options.timeoutSeconds)) * 1000};`,
    "set client_min_messages = error;",
    options.damage === undefined ? "begin read only;" : `begin;\n${options.damage}`,
    `\\echo ${queryMarker}`,
    `${trimQuery(query)}\n;`,
    "rollback;",
    "",
  ].join("\n");
  const result = await runCommand(machine, argv, {
    signal: options.signal,
    input: script,
    env,
    secretEnv,
    maxOutputBytes: maxAnswerBytes,
  });
  const text = outputOf(result);
  const begins = text.indexOf(`${queryMarker}\n`);
  if (result.exit.status === 0 && begins >= 0 && !result.truncated) {
    return { kind: "rows", rows: parseRows(text.slice(begins + queryMarker.length + 1)) };
  }
  const message = result.truncated ? "the query gave more than 1 MiB" : firstErrorLine(result.stderr) || lastWords(result);
  if (begins < 0 && options.damage !== undefined) return { kind: "damage-refused", message };
  if (missingStates.test(result.stderr)) return { kind: "missing", message };
  return { kind: "error", message };
}

/** psql ends the last record with a line feed, whatever the separator; no rows give no bytes at all. */
function parseRows(text: string): (string | null)[][] {
  if (text === "") return [];
  const records = text.slice(0, -1).split("\u001e");
  return records.map((record) => record.split("\u001f").map((value) => (value === nullMarker ? null : value)));
}
