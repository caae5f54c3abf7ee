import type { LiveDatabase } from "../targets.ts";
import { queryPostgres, quotePostgresName } from "./postgres-session.ts";
import type { QueryAnswer, QueryOptions } from "./query-answer.ts";
import { querySqlite, quoteSqliteName } from "./sqlite-session.ts";

/** Asks a database target, with its damage when it is a damaged one. */
export function queryTarget(target: LiveDatabase, query: string, options: Omit<QueryOptions, "damage">): Promise<QueryAnswer> {
  const all = target.damage === undefined ? options : { ...options, damage: target.damage };
  if (target.type === "postgresql") return queryPostgres(target.machine, target.server, target.database, query, all);
  return querySqlite(target.machine, target.path, query, all);
}

export function quoteTableName(target: LiveDatabase, table: string): string {
  return target.type === "postgresql" ? quotePostgresName(table) : quoteSqliteName(table);
}
