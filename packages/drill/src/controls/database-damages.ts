import { quotePostgresName, runPostgresScript } from "../databases/postgres-session.ts";
import { queryTarget } from "../databases/query-target.ts";
import { quoteSqliteName, runSqliteScript } from "../databases/sqlite-session.ts";
import type { LiveDatabase, LiveTarget } from "../targets.ts";
import { type Damage, sqlDamage } from "./damage.ts";

const userTables = `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'`;

function forEveryTable(action: string): string {
  return `set client_min_messages = error;
do $lifeboat$ declare r record; begin
  for r in ${userTables} loop execute format('${action}', r.name); end loop;
end $lifeboat$;`;
}

/** Harm that is really done to the copy, for programs that connect on their own; in the order in which it is done. */
export function damageDatabase(): Damage[] {
  return [
    scriptDamage("every table emptied", forEveryTable("truncate %s cascade"), (table) => `delete from ${table};`),
    scriptDamage("every table dropped", forEveryTable("drop table if exists %s cascade"), (table) => `drop table ${table};`),
  ];
}

function scriptDamage(text: string, postgres: string, sqlite: (table: string) => string): Damage {
  return {
    text,
    async apply(copy, signal) {
      if (copy.type === "postgresql") await runPostgresScript(copy.machine, copy.server, copy.database, postgres, signal);
      if (copy.type !== "sqlite") return copy;
      const tables = await listSqliteTables(copy, signal);
      await runSqliteScript(copy.machine, copy.path, tables.map((table) => sqlite(quoteSqliteName(table))).join("\n"), signal);
      return copy;
    },
  };
}

async function listSqliteTables(copy: LiveDatabase, signal: AbortSignal): Promise<string[]> {
  const query = "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\'";
  const answer = await queryTarget(copy, query, { signal, timeoutSeconds: 60 });
  if (answer.kind !== "rows") throw new Error(`the tables could not be read: ${answer.message}`);
  return answer.rows.map((row) => row[0] ?? "");
}

function dropStatement(target: LiveTarget, table: string): string {
  return target.type === "postgresql"
    ? `drop table ${quotePostgresName(table)} cascade;`
    : `drop table ${quoteSqliteName(table)};`;
}

/** For SQL checks: dropped and rolled back with the query. */
export function dropTableForQuery(target: LiveTarget, table: string): Damage {
  return sqlDamage(`table ${table} dropped`, dropStatement(target, table));
}

/** For programs: really dropped. */
export function dropTableForGood(table: string): Damage {
  return {
    text: `table ${table} dropped`,
    async apply(copy, signal) {
      const script = dropStatement(copy, table);
      if (copy.type === "postgresql") await runPostgresScript(copy.machine, copy.server, copy.database, script, signal);
      else if (copy.type === "sqlite") await runSqliteScript(copy.machine, copy.path, script, signal);
      else throw new Error(`target ${copy.id} is no database`);
      return copy;
    },
  };
}
