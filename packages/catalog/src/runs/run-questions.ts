import { type Clock, clockToleranceMs, type RunKind, type RunResult, type RunState } from "@lifeboat/model";
import type { Expression, ExpressionBuilder, Kysely, SqlBool } from "kysely";
import { type Catalog, type HistoryFilter, type RunRow, type ScheduleState, scheduleKey } from "../catalog.ts";
import type { Tables } from "../schema/tables.ts";
import { rowOf } from "./run-row.ts";

type Questions = Pick<
  Catalog,
  "findRun" | "openRuns" | "history" | "countRuns" | "backupEnds" | "latestRuns" | "attemptsOf" | "scheduleStates"
>;

/** A thousand assets with a backup an hour for ten days. */
const maxBackupEnds = 250_000;

export function runQuestions(db: Kysely<Tables>, clock: Clock): Questions {
  return {
    async findRun(runId) {
      const row = await db.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
      return row === undefined ? undefined : rowOf(row);
    },

    async openRuns() {
      const rows = await db
        .selectFrom("runs")
        .selectAll()
        .where("state", "in", ["pending", "running"])
        .orderBy("slot_ms")
        .orderBy("id")
        .execute();
      return rows.map(rowOf);
    },

    async history(filter) {
      const query = db
        .selectFrom("runs")
        .selectAll()
        .where((where) => where.and(conditionsOf(where, filter)));
      const limit = Math.min(Math.max(filter.limit ?? 100, 1), 10_000);
      const offset = Math.max(filter.offset ?? 0, 0);
      const rows = await query.orderBy("slot_ms", "desc").orderBy("id").limit(limit).offset(offset).execute();
      return rows.map(rowOf);
    },

    async countRuns(filter) {
      const rows = await db
        .selectFrom("runs")
        .select(["kind", "state", "result"])
        .select((select) => select.fn.countAll<number>().as("count"))
        .where((where) => where.and(conditionsOf(where, filter)))
        .groupBy(["kind", "state", "result"])
        .execute();
      return rows.map((row) => ({
        kind: row.kind as RunKind,
        state: row.state as RunState,
        result: row.result as RunResult | null,
        count: Number(row.count),
      }));
    },

    async backupEnds({ sinceMs, object }) {
      let query = db
        .selectFrom("runs")
        .select(["object", "result", "started_ms", "ended_ms"])
        .where("kind", "=", "backup")
        .where("state", "=", "settled")
        .where("ended_ms", ">=", sinceMs);
      if (object !== undefined) query = query.where("object", "=", object);
      const rows = await query.orderBy("ended_ms", "desc").limit(maxBackupEnds).execute();
      return rows.map((row) => ({
        object: row.object,
        result: (row.result ?? "failed") as RunResult,
        startedMs: Number(row.started_ms),
        endedMs: Number(row.ended_ms),
      }));
    },

    async latestRuns(kind, results, objects) {
      const latest = new Map<string, RunRow>();
      // An end that lies further ahead was written by a clock that was ahead.
      const untilMs = clock.now() + clockToleranceMs;
      // one step in an index for each, where one question for all would read the whole history
      for (const object of objects) {
        const row = await db
          .selectFrom("runs")
          .selectAll()
          .where("kind", "=", kind)
          .where("object", "=", object)
          .where("result", "in", [...results])
          .where("ended_ms", "<=", untilMs)
          .orderBy("ended_ms", "desc")
          .limit(1)
          .executeTakeFirst();
        if (row !== undefined) latest.set(object, rowOf(row));
      }
      return latest;
    },

    async attemptsOf(runId) {
      const rows = await db.selectFrom("attempts").selectAll().where("run_id", "=", runId).orderBy("attempt").execute();
      return rows.map((row) => ({
        attempt: row.attempt,
        owner: row.owner,
        startedMs: row.started_ms,
        endedMs: row.ended_ms,
        cause: row.cause,
        code: row.code,
      }));
    },

    async scheduleStates(schedules) {
      const known = await readSchedules(db);
      const missing = schedules.filter((schedule) => !known.has(scheduleKey(schedule)));
      if (missing.length === 0) return known;
      const now = clock.now();
      // two schedulers may do this at once: the first word stands
      for (const { kind, object } of missing) {
        await db
          .insertInto("schedules")
          .values({ kind, object, known_since_ms: now, last_slot_ms: null })
          .onConflict((conflict) => conflict.columns(["kind", "object"]).doNothing())
          .execute();
      }
      return readSchedules(db);
    },
  };
}

function conditionsOf(where: ExpressionBuilder<Tables, "runs">, filter: HistoryFilter): Expression<SqlBool>[] {
  const conditions: Expression<SqlBool>[] = [];
  if (filter.object !== undefined) conditions.push(where("object", "=", filter.object));
  if (filter.policy !== undefined) conditions.push(where("policy", "=", filter.policy));
  if (filter.kinds !== undefined) conditions.push(where("kind", "in", [...filter.kinds]));
  if (filter.results !== undefined) conditions.push(where("result", "in", [...filter.results]));
  if (filter.states !== undefined) conditions.push(where("state", "in", [...filter.states]));
  if (filter.sinceMs !== undefined) conditions.push(where("slot_ms", ">=", filter.sinceMs));
  if (filter.untilMs !== undefined) conditions.push(where("slot_ms", "<", filter.untilMs));
  if (filter.endedUntilMs !== undefined) conditions.push(where("ended_ms", "<=", filter.endedUntilMs));
  return conditions;
}

async function readSchedules(db: Kysely<Tables>): Promise<Map<string, ScheduleState>> {
  const rows = await db.selectFrom("schedules").selectAll().execute();
  return new Map(
    rows.map((row) => [
      scheduleKey({ kind: row.kind as RunKind, object: row.object }),
      { knownSinceMs: row.known_since_ms, lastSlotMs: row.last_slot_ms },
    ]),
  );
}
