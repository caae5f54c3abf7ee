import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { Kysely, type SqliteDatabase, SqliteDialect } from "kysely";
import type { Tables } from "../schema/tables.ts";

/**
 * Writers are few and short. Waiting for another program's write blocks this one's event loop, so it ends well before the
 * 30 s after which the queue would give a job to someone else.
 */
const busyTimeoutMs = 5_000;

/**
 * WAL: readers (the page, the command line) and the writer do not wait for each other.
 * synchronous NORMAL: a kill loses nothing; a power cut may lose the last commits, never the file. All who share the file are
 * on this machine and die with it, so nobody holds a number that is given out again; lost slots are due again, and a run that
 * is done again adopts the snapshot that has its tag. FULL would hold up the event loop for a disk's flush at each heartbeat.
 */
export function openSqlite(path: string): { readonly raw: DatabaseSync; readonly db: Kysely<Tables> } {
  const raw = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    raw.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
  } catch (error) {
    raw.close();
    throw error;
  }
  return { raw, db: new Kysely<Tables>({ dialect: new SqliteDialect({ database: adaptToKysely(raw) }) }) };
}

/** Kysely speaks to better-sqlite3; node:sqlite differs in how it takes parameters and tells statements that give rows. */
function adaptToKysely(raw: DatabaseSync): SqliteDatabase {
  return {
    close: () => raw.close(),
    prepare(sql) {
      const statement = raw.prepare(sql);
      const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...values(parameters)),
        run: (parameters) => statement.run(...values(parameters)),
        iterate: (parameters) => statement.iterate(...values(parameters)),
      };
    },
  };
}
