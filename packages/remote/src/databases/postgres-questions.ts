import type { CompiledSource } from "@lifeboat/model";
import { connectionString } from "./postgres-connection.ts";

type PostgresSource = Extract<CompiledSource, { type: "postgresql" }>;

/** Everything that a dump says to psql and pg_dump, in one file: a host's checking script must know it. */

export const answeredMarker = "lifeboat-answered";
/** Stands behind each question; psql prints the marker when the question was answered. */
export const echoLine = `\\echo ${answeredMarker}`;

export function psqlWords(source: PostgresSource): string[] {
  return ["psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", `--dbname=${connectionString(source)}`];
}

export function pgDumpWords(source: PostgresSource, snapshot: string): string[] {
  const words = ["pg_dump", "--format=custom", "--compress=0", "--no-password", `--snapshot=${snapshot}`];
  return [...words, `--dbname=${connectionString(source)}`];
}

export const beginQuestion =
  "begin transaction isolation level repeatable read, read only; set local row_security = off;\n" +
  "set local statement_timeout = 0; set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0;\n" +
  "select current_setting('server_version'); select pg_export_snapshot();";

/** Asks for pairs of "schema.table" and the name quoted for SQL. Parts of a partitioned table are counted by the table itself. */
export function tablesQuestion(recordRows: PostgresSource["recordRows"]): string {
  const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
  const query =
    recordRows === "all"
      ? "select c.oid from pg_class c where c.relkind in ('r','p') and not c.relispartition and c.relpersistence <> 't' and " +
        "not exists (select 1 from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e')"
      : `select t.name::regclass::oid from unnest(array[${recordRows.map(literal).join(",")}]::text[]) t(name)`;
  return (
    "set local standard_conforming_strings = on; select coalesce(json_agg(json_build_array(n.nspname || '.' || r.relname, " +
    "quote_ident(n.nspname) || '.' || quote_ident(r.relname)) order by n.nspname, r.relname), '[]')::text " +
    `from pg_class r join pg_namespace n on n.oid = r.relnamespace where r.oid in (${query}) ` +
    "and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%';"
  );
}

/** `sqlName` as quote_ident writes it. */
export function countQuestion(sqlName: string): string {
  return `select count(*) from ${sqlName};`;
}

export const commitQuestion = "commit;";
