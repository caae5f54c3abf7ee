import { type ByteString, type CommandArgument, toBytes } from "@lifeboat/model";

/** Everything that a dump says to sqlite3, in one file: a host's checking script must know it. */

export function sqliteWords(path: ByteString): CommandArgument[] {
  return ["sqlite3", "-readonly", "-batch", "-bail", "-init", "/dev/null", toBytes(path)];
}

const busyMilliseconds = 30_000;

export const answeredMarker = "lifeboat-answered";
export const printLine = `.print ${answeredMarker}`;
export const beginQuestion = `.timeout ${busyMilliseconds}\nbegin;`;
/** Names pass as hex, because a name may hold a line break. */
export const tablesQuestion =
  "select hex(name) from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by name;";
export const versionQuestion = "select sqlite_version();";
export const dumpLine = ".dump";

export function countQuestion(table: string): string {
  return `select count(*) from "${table.replaceAll('"', '""')}";`;
}
