import type { CommandArgument, CompiledSource, DumpFacts, DumpSource, Machine } from "@lifeboat/model";
import { isLifeboatError, LifeboatError, messageOf } from "@lifeboat/model";
import { openDumpStream } from "./dump-stream.ts";
import { LineSession } from "./line-session.ts";
import { type ArchiveFacts, PostgresArchiveCheck } from "./postgres-archive.ts";
import { postgresFailure } from "./postgres-connection.ts";
import {
  answeredMarker,
  beginQuestion,
  commitQuestion,
  countQuestion,
  echoLine,
  pgDumpWords,
  psqlWords,
  tablesQuestion,
} from "./postgres-questions.ts";

export interface PostgresDumpOptions {
  readonly password?: string | undefined;
  /** Account of the host that runs psql and pg_dump (by `sudo -n -u`), for servers that know their users by it ("peer"). */
  readonly account?: string | undefined;
  /** Folder of psql and pg_dump; undefined: the PATH of the login. */
  readonly binFolder?: string | undefined;
}

type PostgresSource = Extract<CompiledSource, { type: "postgresql" }>;

/**
 * `pg_dump` in the custom format, uncompressed, so that the repository finds what is the same. Rows are counted in the
 * dump's own snapshot: a psql session exports it, stays open, and counts while the dump runs.
 */
export function createPostgresDump(machine: Machine, source: PostgresSource, options: PostgresDumpOptions = {}): DumpSource {
  const place = `${source.name} (database ${source.database}) on ${machine.name}`;
  return {
    name: place,
    extension: "pgdump",
    bytesReceived: () => machine.bytesReceived(),
    open: ({ signal }) => new PostgresDump(machine, source, options, place, signal).open(),
  };
}

class PostgresDump {
  readonly #machine: Machine;
  readonly #source: PostgresSource;
  readonly #options: PostgresDumpOptions;
  readonly #place: string;
  readonly #signal: AbortSignal;

  constructor(machine: Machine, source: PostgresSource, options: PostgresDumpOptions, place: string, signal: AbortSignal) {
    this.#machine = machine;
    this.#source = source;
    this.#options = options;
    this.#place = place;
    this.#signal = signal;
  }

  async open() {
    const psql = new LineSession(await this.#run(psqlWords(this.#source)), `psql for ${this.#place}`);
    try {
      const [snapshot, serverVersion] = await this.#exportSnapshot(psql);
      const dump = await this.#run(pgDumpWords(this.#source, snapshot));
      dump.endInput();
      const counting = this.#countRows(psql);
      counting.catch(() => undefined);
      const place = this.#place;
      const archive = new PostgresArchiveCheck();
      const inspect = (chunk: Uint8Array) => {
        try {
          archive.push(chunk);
        } catch (cause) {
          throw new LifeboatError("dump-failed", `what pg_dump sends for ${place} is no archive: ${messageOf(cause)}`, { cause });
        }
      };
      const kill = () => {
        dump.kill();
        psql.command.kill();
      };
      const settle = async (): Promise<DumpFacts> => {
        const { status } = await dump.exit;
        this.#signal.throwIfAborted();
        // A count that fails ends the session and with it the snapshot: then its reason is the one to tell.
        if (status !== 0 && dump.stderr().includes("invalid snapshot")) await counting;
        if (status !== 0) throw postgresFailure("pg_dump", place, status, dump.stderr());
        const contents = finishArchive(archive, place);
        const rows = await counting;
        await this.#endSession(psql);
        return describe(contents, serverVersion, rows);
      };
      return openDumpStream({ place, output: dump.stdout, inspect, settle, kill });
    } catch (error) {
      psql.command.kill();
      throw error;
    }
  }

  #run([program = "", ...words]: readonly string[]) {
    const { account, binFolder, password } = this.#options;
    const path = binFolder === undefined ? program : `${binFolder}/${program}`;
    const argv: CommandArgument[] = account === undefined ? [] : ["sudo", "-n", "-u", account, "--"];
    argv.push(path, ...words);
    return this.#machine.run(argv, {
      signal: this.#signal,
      ...(password === undefined ? {} : { secretEnv: { PGPASSWORD: password } }),
    });
  }

  async #exportSnapshot(psql: LineSession): Promise<[snapshot: string, serverVersion: string]> {
    const lines = await this.#ask(psql, beginQuestion);
    const [serverVersion, snapshot] = lines.slice(-2);
    if (serverVersion === undefined || snapshot === undefined || !/^[0-9A-Fa-f-]+$/.test(snapshot)) {
      throw new LifeboatError("dump-failed", `psql for ${this.#place} exports no snapshot: ${lines.join(" ").slice(0, 200)}`);
    }
    return [snapshot, serverVersion.split(" ")[0] ?? serverVersion];
  }

  /** In the transaction of the snapshot, which must stay open: pg_dump may not have taken the snapshot yet. */
  async #countRows(psql: LineSession): Promise<Record<string, number>> {
    const rows: Record<string, number> = {};
    for (const [name, sqlName] of await this.#tablesToCount(psql)) {
      const [count] = await this.#ask(psql, countQuestion(sqlName));
      if (count === undefined || !/^[0-9]+$/.test(count))
        throw new LifeboatError("dump-failed", `psql counts no rows of ${name}: ${count}`);
      rows[name] = Number(count);
    }
    return rows;
  }

  async #endSession(psql: LineSession): Promise<void> {
    await this.#ask(psql, commitQuestion);
    const status = await psql.end();
    if (status !== 0) throw postgresFailure("psql", this.#place, status, psql.command.stderr());
  }

  /** Pairs of "schema.table" and the name quoted for SQL. */
  async #tablesToCount(psql: LineSession): Promise<(readonly [name: string, sqlName: string])[]> {
    const { recordRows } = this.#source;
    if (recordRows !== "all" && recordRows.length === 0) return [];
    const [json] = await this.#ask(psql, tablesQuestion(recordRows));
    return JSON.parse(json ?? "[]") as (readonly [string, string])[];
  }

  async #ask(psql: LineSession, sql: string): Promise<string[]> {
    const lines = await psql.ask(`${sql}\n${echoLine}\n`, answeredMarker);
    if (lines !== undefined) return lines;
    this.#signal.throwIfAborted();
    const { status } = await psql.command.exit;
    throw postgresFailure("psql", this.#place, status, psql.command.stderr());
  }
}

function finishArchive(archive: PostgresArchiveCheck, place: string): ArchiveFacts {
  try {
    return archive.finish();
  } catch (error) {
    if (isLifeboatError(error)) throw error;
    throw new LifeboatError("dump-failed", `the dump of ${place} is not whole: ${messageOf(error)}`, { cause: error });
  }
}

function describe(archive: ArchiveFacts, serverVersion: string, rows: Record<string, number>): DumpFacts {
  return {
    engine: "postgresql",
    serverVersion,
    programVersion: archive.programVersion.split(" ")[0] ?? archive.programVersion,
    rows,
    tables: archive.tables,
    consistency: "application",
  };
}
