import { LifeboatError } from "@lifeboat/model";
import type { Kysely } from "kysely";
import * as runsAndWhatTheyLeft from "./0001-runs-and-what-they-left.ts";
import * as whatARunMet from "./0002-what-a-run-met.ts";
import type { Tables } from "./tables.ts";

/** In order; a name once released is never changed. */
const migrations: readonly { readonly name: string; up(db: Kysely<never>): Promise<void> }[] = [
  { name: "0001-runs-and-what-they-left", up: runsAndWhatTheyLeft.up },
  { name: "0002-what-a-run-met", up: whatARunMet.up },
];

/**
 * Brings the tables to this version. The caller holds the database's write lock, so that of two programs started together
 * one does it, and makes it all or nothing. Kysely's own migrator has no such lock for SQLite.
 */
export async function migrate(db: Kysely<Tables>, nowMs: number): Promise<void> {
  await db.schema
    .createTable("migrations")
    .ifNotExists()
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("applied_ms", "bigint", (column) => column.notNull())
    .execute();
  const applied = new Set((await db.selectFrom("migrations").select("name").execute()).map(({ name }) => name));
  const unknown = [...applied].find((name) => !migrations.some((migration) => migration.name === name));
  if (unknown !== undefined) {
    throw new LifeboatError("catalog-failed", `history was written by a newer Lifeboat (it has ${unknown})`, {
      hint: "Start the newer version again, or pass another --state DIR.",
      retry: "never",
    });
  }
  for (const { name, up } of migrations) {
    if (applied.has(name)) continue;
    await up(db as unknown as Kysely<never>);
    await db.insertInto("migrations").values({ name, applied_ms: nowMs }).execute();
  }
}
