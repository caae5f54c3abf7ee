import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { Kysely } from "kysely";
import type { Tables } from "../schema/tables.ts";
import { openSqlite } from "./open-sqlite.ts";

export interface SharedSqlite {
  readonly db: Kysely<Tables>;
  /** The last one to close closes the file. */
  close(): Promise<void>;
}

interface Opened {
  readonly ready: Promise<Kysely<Tables>>;
  readonly inode: string;
  users: number;
}

const opened = new Map<string, Opened>();

/**
 * One connection for each file in this process. node:sqlite waits for a lock without letting go of the event loop: with two
 * connections the one that waits would keep the other from ever finishing its transaction. Kysely gives the one connection to
 * one transaction at a time. Between processes the lock is held for one turn of the event loop only, so there waiting works.
 */
export async function shareSqlite(path: string, prepare: (db: Kysely<Tables>) => Promise<void>): Promise<SharedSqlite> {
  const key = resolve(path);
  let entry = opened.get(key);
  // a file that was deleted and made again is another database
  if (entry === undefined || entry.inode !== inodeOf(key)) {
    const { raw, db } = openSqlite(key);
    const ready = (async () => {
      raw.exec("BEGIN IMMEDIATE");
      await prepare(db);
      raw.exec("COMMIT");
      return db;
    })();
    ready.catch(() => raw.close());
    entry = { ready, inode: inodeOf(key), users: 0 };
    opened.set(key, entry);
  }
  const used = entry;
  used.users++;
  const letGo = () => {
    used.users--;
    if (used.users > 0) return false;
    if (opened.get(key) === used) opened.delete(key);
    return true;
  };
  try {
    const db = await used.ready;
    let open = true;
    return {
      db,
      async close() {
        if (!open) return;
        open = false;
        if (letGo()) await db.destroy();
      },
    };
  } catch (error) {
    letGo();
    throw error;
  }
}

function inodeOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? "none" : `${stat.dev}:${stat.ino}`;
}
