import { LifeboatError, type Machine } from "@lifeboat/model";
import { lastWords, outputOf, runCommand } from "../machine/run-command.ts";
import { quoteLiteral } from "./postgres-session.ts";
import {
  firstErrorLine,
  maxAnswerBytes,
  nullMarker,
  type QueryAnswer,
  type QueryOptions,
  queryMarker,
  trimQuery,
} from "./query-answer.ts";

export function quoteSqliteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

// `-init` keeps the user's own ~/.sqliterc out; ascii mode separates by 0x1f and 0x1e.
const program = ["sqlite3", "-init", "/dev/null", "-batch", "-bail", "-ascii", "-noheader", "-nullvalue", nullMarker];

export async function runSqliteScript(machine: Machine, path: string, script: string, signal: AbortSignal): Promise<void> {
  const result = await runCommand(machine, [...program, path], { signal, input: `${script}\n` });
  if (result.exit.status !== 0) {
    throw new LifeboatError("drill-target-failed", `sqlite on ${machine.name} refused ${path}: ${lastWords(result)}`);
  }
}

/** A whole, consistent copy, whatever an application has open. `to` must not exist. */
export async function copySqlite(machine: Machine, from: string, to: string, signal: AbortSignal): Promise<void> {
  await runSqliteScript(machine, from, `vacuum into ${quoteLiteral(to)};`, signal);
}

/** Asks one query; with `damage` in a transaction that is rolled back, else on the file opened read-only. */
export async function querySqlite(machine: Machine, path: string, query: string, options: QueryOptions): Promise<QueryAnswer> {
  const damaged = options.damage !== undefined;
  const script = [
    ".timeout 5000",
    ...(damaged ? ["begin;", options.damage] : []),
    `.print ${queryMarker}`,
    `${trimQuery(query)}\n;`,
    ...(damaged ? ["rollback;"] : []),
    "",
  ].join("\n");
  const argv = damaged ? [...program, path] : [...program, "-readonly", path];
  const result = await runCommand(machine, argv, { signal: options.signal, input: script, maxOutputBytes: maxAnswerBytes });
  const text = outputOf(result);
  const begins = text.indexOf(`${queryMarker}\n`);
  if (result.exit.status === 0 && begins >= 0 && !result.truncated) {
    return { kind: "rows", rows: parseRows(text.slice(begins + queryMarker.length + 1)) };
  }
  const message = result.truncated ? "the query gave more than 1 MiB" : firstErrorLine(result.stderr) || lastWords(result);
  if (begins < 0 && damaged) return { kind: "damage-refused", message };
  if (/no such (table|column)/.test(result.stderr)) return { kind: "missing", message };
  return { kind: "error", message };
}

function parseRows(text: string): (string | null)[][] {
  if (text === "") return [];
  const records = text.split("\x1e");
  if (records.at(-1) === "") records.pop();
  return records.map((record) => record.split("\x1f").map((value) => (value === nullMarker ? null : value)));
}
