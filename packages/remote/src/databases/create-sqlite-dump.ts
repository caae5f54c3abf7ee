import type { CompiledSource, DumpFacts, DumpSource, Machine } from "@lifeboat/model";
import { byteString, displayName, LifeboatError } from "@lifeboat/model";
import { openDumpStream } from "./dump-stream.ts";
import { LineSession } from "./line-session.ts";
import {
  answeredMarker,
  beginQuestion,
  countQuestion,
  dumpLine,
  printLine,
  sqliteWords,
  tablesQuestion,
  versionQuestion,
} from "./sqlite-questions.ts";

export interface SqliteDumpOptions {
  readonly sudo?: boolean;
}

type SqliteSource = Extract<CompiledSource, { type: "sqlite" }>;

const lastLine = "COMMIT;\n";

/**
 * The text of `.dump`, read in one transaction together with the row counts. A dump that met an error ends with ROLLBACK;
 * a whole one with COMMIT as its last line and status 0.
 */
export function createSqliteDump(machine: Machine, source: SqliteSource, options: SqliteDumpOptions = {}): DumpSource {
  const place = `${displayName(source.path)} on ${machine.name}`;
  return {
    name: place,
    extension: "sql",
    bytesReceived: () => machine.bytesReceived(),
    async open({ signal }) {
      const command = await machine.run(sqliteWords(source.path), { signal, sudo: options.sudo ?? false });
      const session = new LineSession(command, `sqlite3 for ${place}`);
      try {
        const ask = async (sql: string): Promise<string[]> => {
          const lines = await session.ask(`${sql}\n${printLine}\n`, answeredMarker);
          if (lines !== undefined) return lines;
          signal.throwIfAborted();
          throw sqliteFailure(place, (await command.exit).status, command.stderr());
        };
        const { tables, rows, version } = await readFacts(ask, source, place);
        await command.write(Buffer.from(`${dumpLine}\n`));
        command.endInput();
        let tail: Buffer = Buffer.alloc(0);
        const inspect = (chunk: Uint8Array) => {
          tail = Buffer.concat([tail, chunk.subarray(-64)]).subarray(-64);
        };
        const settle = async (): Promise<DumpFacts> => {
          const { status } = await command.exit;
          signal.throwIfAborted();
          const stderr = command.stderr();
          if (status !== 0 || stderr.trim() !== "") throw sqliteFailure(place, status, stderr);
          if (!tail.toString("latin1").endsWith(`\n${lastLine}`)) {
            throw new LifeboatError("dump-failed", `the dump of ${place} has no end: its last line is not COMMIT;`, {
              context: { last_line: displayName(byteString(tail.toString("latin1").trimEnd().split("\n").at(-1) ?? "")) },
            });
          }
          return { engine: "sqlite", serverVersion: version, programVersion: version, rows, tables, consistency: "application" };
        };
        return openDumpStream({ place, output: session.output(), inspect, settle, kill: command.kill });
      } catch (error) {
        command.kill();
        throw error;
      }
    },
  };
}

/** Begins the transaction in which the dump is read too. */
async function readFacts(ask: (sql: string) => Promise<string[]>, source: SqliteSource, place: string) {
  await ask(beginQuestion);
  const names = await ask(tablesQuestion);
  const tables = names.map((hex) => Buffer.from(hex, "hex").toString("utf8"));
  const [version = ""] = await ask(versionQuestion);
  const rows: Record<string, number> = {};
  for (const table of source.recordRows === "all" ? tables : source.recordRows) {
    if (!tables.includes(table)) {
      throw new LifeboatError("dump-failed", `${place} has no table "${table}" to count rows of`, { retry: "never" });
    }
    const [count = ""] = await ask(countQuestion(table));
    if (!/^[0-9]+$/.test(count))
      throw new LifeboatError("dump-failed", `sqlite3 counts no rows of ${table} in ${place}: ${count}`);
    rows[table] = Number(count);
  }
  return { tables, rows, version };
}

function sqliteFailure(place: string, status: number | null, stderr: string): LifeboatError {
  const words = stderr.trim().slice(0, 600) || "without a word";
  const context = { program: "sqlite3", status };
  if (/^sudo: /m.test(stderr))
    return new LifeboatError("sudo-refused", `sudo refused sqlite3 for ${place}: ${words}`, { context });
  if (status === 127) return new LifeboatError("command-missing", `sqlite3 is not there for ${place}`, { context });
  const ending = status === null ? "was stopped" : `ended with status ${status}`;
  const retry = /locked|busy/i.test(stderr) || status === null ? "later" : "never";
  return new LifeboatError("dump-failed", `sqlite3 for ${place} ${ending}: ${words}`, { context, retry });
}
