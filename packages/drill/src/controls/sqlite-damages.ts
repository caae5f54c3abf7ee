import { trimQuery } from "../databases/query-answer.ts";
import { queryTarget } from "../databases/query-target.ts";
import { quoteSqliteName } from "../databases/sqlite-session.ts";
import type { LiveTarget } from "../targets.ts";
import { type Damage, sqlDamage } from "./damage.ts";

type SqliteTarget = Extract<LiveTarget, { type: "sqlite" }>;

const maxTables = 12;

/** Tables that the query reads, by name: the program that SQLite compiles it to opens them by their root page. */
export async function findSqliteTables(copy: SqliteTarget, query: string, signal: AbortSignal): Promise<string[]> {
  const options = { signal, timeoutSeconds: 60 };
  const plan = await queryTarget(copy, `.explain off\nexplain ${trimQuery(query)}`, options);
  if (plan.kind !== "rows") throw new Error(`the query's plan could not be read: ${plan.message}`);
  const roots = new Set(plan.rows.filter((row) => row[1] === "OpenRead" && row[4] === "0").map((row) => row[3]));
  const schema = await queryTarget(copy, "select rootpage, tbl_name from sqlite_schema where rootpage > 1", options);
  if (schema.kind !== "rows") throw new Error(`the tables could not be read: ${schema.message}`);
  const names = schema.rows.filter((row) => roots.has(row[0] ?? "")).map((row) => row[1] ?? "");
  return [...new Set(names)];
}

async function listColumns(copy: SqliteTarget, table: string, signal: AbortSignal): Promise<string[]> {
  const literal = `'${table.replaceAll("'", "''")}'`;
  const answer = await queryTarget(copy, `select name from pragma_table_info(${literal})`, { signal, timeoutSeconds: 60 });
  if (answer.kind !== "rows") throw new Error(`the columns of ${table} could not be read: ${answer.message}`);
  return answer.rows.map((row) => quoteSqliteName(row[0] ?? ""));
}

/** Puts a table without keys and checks in the place of the real one, with `select` as its rows. */
function replaceTable(table: string, select: string): string {
  const name = quoteSqliteName(table);
  return [
    "pragma legacy_alter_table = on;",
    `create table lifeboat_damaged as ${select};`,
    `drop table ${name};`,
    `alter table lifeboat_damaged rename to ${name};`,
  ].join("\n");
}

/** Harm to a query's tables, from the mildest: each is tried until the check says no. */
export async function damageSqliteTables(copy: SqliteTarget, tables: readonly string[], signal: AbortSignal): Promise<Damage[]> {
  const columns = new Map<string, string[]>();
  for (const table of tables) columns.set(table, await listColumns(copy, table, signal));
  const single = tables.length > maxTables ? [] : tables;
  const groups = tables.length > 1 ? [...single.map((table) => [table]), [...tables]] : [[...tables]];
  return groups.flatMap((group) => {
    const names = group.join(", ");
    const each = (select: (table: string, list: string[]) => string) =>
      group.map((table) => replaceTable(table, select(table, columns.get(table) ?? []))).join("\n");
    const values = (how: (column: string) => string) => (table: string, list: string[]) =>
      `select ${list.map((column) => `${how(column)} as ${column}`).join(", ")} from ${quoteSqliteName(table)}`;
    const all = (table: string) => `select * from ${quoteSqliteName(table)}`;
    return [
      sqlDamage(
        `${names} emptied`,
        each((table) => `${all(table)} where 0`),
      ),
      sqlDamage(
        `every row of ${names} doubled`,
        each((table) => `${all(table)} union all ${all(table)}`),
      ),
      sqlDamage(`every value in ${names} changed`, each(values(changedValue))),
      sqlDamage(`every value in ${names} set to null`, each(values(() => "null"))),
    ];
  });
}

function changedValue(column: string): string {
  return `case when typeof(${column}) in ('integer', 'real') then -${column} - 1 else hex(substr(coalesce(${column}, ''), 1, 40)) || 'x' end`;
}

/** All times in the tables moved back. Columns have no type here, so it goes by what a value looks like. */
export async function ageSqliteTables(
  copy: SqliteTarget,
  tables: readonly string[],
  seconds: number,
  signal: AbortSignal,
): Promise<Damage | undefined> {
  const parts: string[] = [];
  for (const table of tables) {
    const columns = await listColumns(copy, table, signal);
    const list = columns.map((column) => `${agedValue(column, seconds)} as ${column}`).join(", ");
    parts.push(replaceTable(table, `select ${list} from ${quoteSqliteName(table)}`));
  }
  if (parts.length === 0) return undefined;
  return sqlDamage(`every time in ${tables.join(", ")} moved back`, parts.join("\n"));
}

function agedValue(column: string, seconds: number): string {
  return [
    `case when typeof(${column}) = 'text' and ${column} glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'`,
    `then coalesce(datetime(${column}, '-${seconds} seconds'), ${column})`,
    `when typeof(${column}) in ('integer', 'real') and ${column} between 1000000000 and 2000000000 then ${column} - ${seconds}`,
    `when typeof(${column}) in ('integer', 'real') and ${column} between 1000000000000 and 2000000000000 then ${column} - ${seconds}000`,
    `else ${column} end`,
  ].join(" ");
}

export function removeSqliteRows(table: string, count: number): Damage {
  const name = quoteSqliteName(table);
  const all = `select * from ${name}`;
  return sqlDamage(
    `${count === 1 ? "one row" : `${count} rows`} of ${table} deleted`,
    replaceTable(table, `${all} limit max(0, (select count(*) from ${name}) - ${count})`),
  );
}
