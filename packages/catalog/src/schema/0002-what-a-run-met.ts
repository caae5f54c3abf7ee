import type { Kysely } from "kysely";

/** JSON: what the way of reading could not tell, and what the host said of itself. */
export async function up(db: Kysely<never>): Promise<void> {
  await db.schema.alterTable("runs").addColumn("lost", "text").execute();
  await db.schema.alterTable("runs").addColumn("host", "text").execute();
}
