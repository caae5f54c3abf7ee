import type { Kysely } from "kysely";

/** Types that SQLite and PostgreSQL both know: `bigint` holds milliseconds and bytes, JSON is kept as text. */
export async function up(db: Kysely<never>): Promise<void> {
  await db.schema
    .createTable("runs")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("object", "text", (column) => column.notNull())
    .addColumn("policy", "text")
    .addColumn("slot", "text", (column) => column.notNull())
    .addColumn("slot_ms", "bigint", (column) => column.notNull())
    .addColumn("by_hand", "integer", (column) => column.notNull())
    .addColumn("request", "text")
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("attempt", "integer", (column) => column.notNull())
    .addColumn("not_before_ms", "bigint", (column) => column.notNull())
    .addColumn("owner", "text")
    .addColumn("heartbeat_ms", "bigint")
    .addColumn("recorded_ms", "bigint", (column) => column.notNull())
    .addColumn("started", "text")
    .addColumn("started_ms", "bigint")
    .addColumn("ended", "text")
    .addColumn("ended_ms", "bigint")
    .addColumn("result", "text")
    .addColumn("cause", "text")
    .addColumn("code", "text")
    .addColumn("repository", "text")
    .addColumn("snapshot", "text")
    .addColumn("figures", "text")
    .addColumn("problems", "text")
    .addColumn("problem_count", "integer")
    .execute();
  await db.schema.createIndex("runs_by_state").on("runs").columns(["state", "slot_ms"]).execute();
  await db.schema.createIndex("runs_by_slot").on("runs").columns(["slot_ms"]).execute();
  await db.schema.createIndex("runs_by_object").on("runs").columns(["object", "slot_ms"]).execute();
  await db.schema.createIndex("runs_by_end").on("runs").columns(["kind", "object", "ended_ms"]).execute();

  await db.schema
    .createTable("attempts")
    .addColumn("run_id", "text", (column) => column.notNull())
    .addColumn("attempt", "integer", (column) => column.notNull())
    .addColumn("owner", "text", (column) => column.notNull())
    .addColumn("started_ms", "bigint", (column) => column.notNull())
    .addColumn("ended_ms", "bigint")
    .addColumn("cause", "text")
    .addColumn("code", "text")
    .addPrimaryKeyConstraint("attempts_key", ["run_id", "attempt"])
    .execute();

  await db.schema
    .createTable("schedules")
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("object", "text", (column) => column.notNull())
    .addColumn("known_since_ms", "bigint", (column) => column.notNull())
    .addColumn("last_slot_ms", "bigint")
    .addPrimaryKeyConstraint("schedules_key", ["kind", "object"])
    .execute();

  await db.schema
    .createTable("snapshots")
    .addColumn("repository", "text", (column) => column.notNull())
    .addColumn("id", "text", (column) => column.notNull())
    .addColumn("original", "text", (column) => column.notNull())
    .addColumn("asset", "text")
    .addColumn("run", "text")
    .addColumn("time", "text", (column) => column.notNull())
    .addColumn("time_ms", "bigint", (column) => column.notNull())
    .addColumn("bytes", "bigint")
    .addColumn("files", "bigint")
    .addPrimaryKeyConstraint("snapshots_key", ["repository", "id"])
    .execute();
  await db.schema.createIndex("snapshots_by_asset").on("snapshots").columns(["asset", "time_ms"]).execute();

  await db.schema
    .createTable("drill_reports")
    .addColumn("run_id", "text", (column) => column.primaryKey())
    .addColumn("drill", "text", (column) => column.notNull())
    .addColumn("result", "text", (column) => column.notNull())
    .addColumn("declared", "text", (column) => column.notNull())
    .addColumn("declared_ms", "bigint", (column) => column.notNull())
    .addColumn("rta_seconds", "double precision")
    .addColumn("rpa_seconds", "double precision")
    .addColumn("proofs", "text", (column) => column.notNull())
    .addColumn("report", "text", (column) => column.notNull())
    .addColumn("html", "text")
    .execute();
  await db.schema.createIndex("drill_reports_by_drill").on("drill_reports").columns(["drill", "declared_ms"]).execute();

  await db.schema
    .createTable("configs")
    .addColumn("number", "integer", (column) => column.primaryKey().autoIncrement())
    .addColumn("sha256", "text", (column) => column.notNull())
    .addColumn("text", "text", (column) => column.notNull())
    .addColumn("applied_by", "text", (column) => column.notNull())
    .addColumn("applied_ms", "bigint", (column) => column.notNull())
    .execute();

  await db.schema
    .createTable("beats")
    .addColumn("program", "text", (column) => column.notNull())
    .addColumn("instance", "text", (column) => column.notNull())
    .addColumn("at_ms", "bigint", (column) => column.notNull())
    .addColumn("detail", "text")
    .addPrimaryKeyConstraint("beats_key", ["program", "instance"])
    .execute();
}
