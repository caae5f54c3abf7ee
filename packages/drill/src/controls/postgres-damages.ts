import { quoteIdentifier, quoteLiteral, quotePostgresName, runPostgresScript } from "../databases/postgres-session.ts";
import { trimQuery } from "../databases/query-answer.ts";
import { queryTarget } from "../databases/query-target.ts";
import type { LiveTarget } from "../targets.ts";
import { type Damage, sqlDamage } from "./damage.ts";

type PostgresTarget = Extract<LiveTarget, { type: "postgresql" }>;

/** More tables than this in one query are damaged all together only. */
const maxTables = 12;

interface Column {
  /** Schema and table, quoted. */
  readonly table: string;
  readonly name: string;
  /** pg_type.typcategory: N number, S text, D time, B boolean ... */
  readonly category: string;
  readonly type: string;
}

/**
 * Keys, foreign keys, checks and triggers would refuse most damage ("cannot truncate a table referenced ..."), so the copy
 * loses them. What cannot be dropped stays: then one damage less can be done.
 */
export const loosenScript = `do $lifeboat$
declare r record;
begin
  for r in select format('alter table %s drop constraint %I cascade', conrelid::regclass, conname) as s
      from pg_constraint c join pg_namespace n on n.oid = c.connamespace
      where conrelid <> 0 and conparentid = 0 and n.nspname not in ('pg_catalog', 'information_schema')
      order by contype = 'f' desc
  loop begin execute r.s; exception when others then null; end; end loop;
  for r in select format('drop index %s cascade', indexrelid::regclass) as s
      from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
      where indisunique and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  loop begin execute r.s; exception when others then null; end; end loop;
  for r in select format('alter table %s alter column %I drop not null', attrelid::regclass, attname) as s
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      where attnotnull and attnum > 0 and not attisdropped and relkind in ('r', 'p')
        and n.nspname not in ('pg_catalog', 'information_schema')
  loop begin execute r.s; exception when others then null; end; end loop;
  for r in select format('alter table %s disable trigger all', c.oid::regclass) as s
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where relkind in ('r', 'p') and relhastriggers and n.nspname not in ('pg_catalog', 'information_schema')
  loop begin execute r.s; exception when others then null; end; end loop;
end $lifeboat$;`;

export async function loosenPostgres(copy: PostgresTarget, signal: AbortSignal): Promise<void> {
  await runPostgresScript(copy.machine, copy.server, copy.database, `set client_min_messages = error;\n${loosenScript}`, signal);
}

/** Tables that the query reads, quoted, as its plan tells: views are seen through, a query of constants reads none. */
export async function findPostgresTables(copy: PostgresTarget, query: string, signal: AbortSignal): Promise<string[]> {
  const explain = `explain (verbose, costs off, format json) ${trimQuery(query)}`;
  const answer = await queryTarget(copy, explain, { signal, timeoutSeconds: 60 });
  if (answer.kind !== "rows") throw new Error(`the query's plan could not be read: ${answer.message}`);
  const tables = new Set<string>();
  const walk = (node: unknown, depth: number): void => {
    if (typeof node !== "object" || node === null || depth > 400) return;
    const { "Relation Name": name, Schema: schema } = node as Record<string, unknown>;
    if (typeof name === "string" && typeof schema === "string" && schema !== "pg_catalog") {
      tables.add(`${quoteIdentifier(schema)}.${quoteIdentifier(name)}`);
    }
    for (const child of Object.values(node)) walk(child, depth + 1);
  };
  walk(JSON.parse(answer.rows[0]?.[0] ?? "[]"), 0);
  return [...tables];
}

/** Harm to a query's tables, from the mildest: each is tried until the check says no. */
export async function damagePostgresTables(
  copy: PostgresTarget,
  tables: readonly string[],
  signal: AbortSignal,
): Promise<Damage[]> {
  const columns = await listColumns(copy, tables, signal);
  const single = tables.length > maxTables ? [] : tables;
  const groups = tables.length > 1 ? [...single.map((table) => [table]), [...tables]] : [[...tables]];
  return groups.flatMap((group) => damageGroup(group, columns));
}

function damageGroup(tables: readonly string[], columns: readonly Column[]): Damage[] {
  const names = tables.join(", ").replaceAll('"', "");
  const inGroup = (table: string) => columns.filter((column) => column.table === table);
  const change = (how: (column: Column) => string | undefined): string =>
    tables
      .map((table) => {
        const sets = inGroup(table).flatMap((column) => {
          const value = how(column);
          return value === undefined ? [] : [`${quoteIdentifier(column.name)} = ${value}`];
        });
        return sets.length === 0 ? "" : `update ${table} set ${sets.join(", ")};`;
      })
      .join("\n");
  const doubled = tables.map((table) => {
    const list = inGroup(table)
      .map((column) => quoteIdentifier(column.name))
      .join(", ");
    return list === "" ? "" : `insert into ${table} (${list}) overriding system value select ${list} from ${table};`;
  });
  return [
    sqlDamage(`${names} emptied`, `truncate ${tables.join(", ")} cascade;`),
    sqlDamage(`every row of ${names} doubled`, doubled.join("\n")),
    sqlDamage(`every value in ${names} changed`, change(changedValue)),
    sqlDamage(
      `every value in ${names} set to null`,
      change(() => "null"),
    ),
  ];
}

function changedValue(column: Column): string | undefined {
  const name = quoteIdentifier(column.name);
  if (column.type === "money") return undefined;
  if (column.category === "N") return `-coalesce(${name}, 0) - 1`;
  if (column.category === "S") return `left(md5(coalesce(${name}::text, '')), greatest(length(${name}::text), 1))`;
  if (column.category === "B") return `not coalesce(${name}, false)`;
  if (["timestamp", "timestamptz", "date"].includes(column.type)) return `${name} - interval '10000 days'`;
  return undefined;
}

/** All times in the tables moved back, so that the newest row is too old. Undefined when no table holds a time. */
export async function agePostgresTables(
  copy: PostgresTarget,
  tables: readonly string[],
  seconds: number,
  signal: AbortSignal,
): Promise<Damage | undefined> {
  const columns = await listColumns(copy, tables, signal);
  const statements = tables.flatMap((table) => {
    const sets = columns
      .filter((column) => column.table === table)
      .flatMap((column) => {
        const value = agedValue(column, seconds);
        return value === undefined ? [] : [`${quoteIdentifier(column.name)} = ${value}`];
      });
    return sets.length === 0 ? [] : [`update ${table} set ${sets.join(", ")};`];
  });
  if (statements.length === 0) return undefined;
  return sqlDamage(`every time in ${tables.join(", ").replaceAll('"', "")} moved back`, statements.join("\n"));
}

function agedValue(column: Column, seconds: number): string | undefined {
  const name = quoteIdentifier(column.name);
  if (column.type === "timestamp" || column.type === "timestamptz") return `${name} - interval '${seconds} seconds'`;
  if (column.type === "date") return `${name} - ${Math.ceil(seconds / 86400)}`;
  // A whole number in the range of today's Unix times is taken for one: in seconds or in milliseconds.
  if (["int8", "int4", "numeric", "float8"].includes(column.type)) {
    return `case when ${name} between 1e9 and 2e9 then ${name} - ${seconds} when ${name} between 1e12 and 2e12 then ${name} - ${seconds}000 else ${name} end`;
  }
  return undefined;
}

async function listColumns(copy: PostgresTarget, tables: readonly string[], signal: AbortSignal): Promise<Column[]> {
  if (tables.length === 0) return [];
  const wanted = tables.map((table) => `(${quoteLiteral(table)})`).join(", ");
  const query = `select t.name, a.attname, y.typcategory, y.typname
    from (values ${wanted}) as t(name) join pg_attribute a on a.attrelid = t.name::regclass join pg_type y on y.oid = a.atttypid
    where a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity <> 'a' order by t.name, a.attnum`;
  const answer = await queryTarget(copy, query, { signal, timeoutSeconds: 60 });
  if (answer.kind !== "rows") throw new Error(`the columns could not be read: ${answer.message}`);
  return answer.rows.map((row) => ({ table: row[0] ?? "", name: row[1] ?? "", category: row[2] ?? "", type: row[3] ?? "" }));
}

/** Rows taken from one table: `count` of them, or the table itself where it has none. */
export function removePostgresRows(table: string, count: number): Damage {
  const name = quotePostgresName(table);
  return sqlDamage(
    `${count === 1 ? "one row" : `${count} rows`} of ${table} deleted`,
    `delete from ${name} where ctid in (select ctid from ${name} limit ${count});`,
  );
}
