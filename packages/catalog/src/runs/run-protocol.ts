import { type Clock, LifeboatError, type RunRecord } from "@lifeboat/model";
import { type Kysely, sql, type Transaction } from "kysely";
import type { Catalog, NewRun } from "../catalog.ts";
import type { RunTableRow, Tables } from "../schema/tables.ts";
import { isByHand, pendingRow, rowOf, settledColumns, settledRow } from "./run-row.ts";

type Protocol = Pick<
  Catalog,
  | "recordPending"
  | "recordSettled"
  | "claimRun"
  | "heartbeat"
  | "releaseRun"
  | "hastenRun"
  | "settleRun"
  | "settlePending"
  | "lostRuns"
  | "setSchedulesBack"
  | "importRecords"
>;

/**
 * Every change is one conditional statement (compare and set), and a transaction starts with its write: so two schedulers and
 * any number of workers cannot come between, on SQLite and on PostgreSQL alike.
 */
export function runProtocol(db: Kysely<Tables>, clock: Clock): Protocol {
  return {
    recordPending: (run) =>
      db.transaction().execute(async (transaction) => {
        const row = pendingRow(run, clock.now());
        const isNew = await insertRun(transaction, row);
        if (run.byHand !== true) await moveLastSlot(transaction, run, row.slot_ms, clock.now());
        return isNew;
      }),

    recordSettled: (record) =>
      db.transaction().execute(async (transaction) => {
        const row = settledRow(record, clock.now());
        const isNew = await insertRun(transaction, row);
        if (!isByHand(record.id)) await moveLastSlot(transaction, record, row.slot_ms, clock.now());
        return isNew;
      }),

    async claimRun(runId, owner, { staleAfterMs }) {
      const nowMs = clock.now();
      const claimed = await db.transaction().execute(async (transaction) => {
        const row = await transaction
          .updateTable("runs")
          .set((write) => ({
            state: "running",
            attempt: write("attempt", "+", 1),
            owner,
            heartbeat_ms: nowMs,
            started_ms: nowMs,
          }))
          .where("id", "=", runId)
          .where((where) =>
            where.or([
              where.and([where("state", "=", "pending"), where("not_before_ms", "<=", nowMs)]),
              where.and([where("state", "=", "running"), silent(nowMs, staleAfterMs)]),
            ]),
          )
          .where((where) =>
            where.not(
              where.exists(
                where
                  .selectFrom("runs as other")
                  .select("other.id")
                  .whereRef("other.kind", "=", "runs.kind")
                  .whereRef("other.object", "=", "runs.object")
                  .whereRef("other.id", "!=", "runs.id")
                  .where("other.state", "=", "running")
                  .where("other.heartbeat_ms", ">=", nowMs - staleAfterMs)
                  .where("other.heartbeat_ms", "<=", nowMs + staleAfterMs),
              ),
            ),
          )
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) return undefined;
        await closeAttempts(transaction, runId, nowMs, "its worker fell silent, another one took over", "worker-lost");
        await transaction
          .insertInto("attempts")
          .values({ run_id: runId, attempt: row.attempt, owner, started_ms: nowMs, ended_ms: null, cause: null, code: null })
          .execute();
        return rowOf(row);
      });
      if (claimed !== undefined) return { claimed: true, attempt: claimed.attempt, run: claimed };
      return { claimed: false, because: await whyNotClaimed(db, runId, nowMs) };
    },

    async heartbeat(runId, attempt) {
      const result = await db
        .updateTable("runs")
        .set({ heartbeat_ms: clock.now() })
        .where("id", "=", runId)
        .where("attempt", "=", attempt)
        .where("state", "=", "running")
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },

    releaseRun: (runId, attempt, { notBeforeMs, cause, code, ifHeartbeatMs }) =>
      db.transaction().execute(async (transaction) => {
        let update = transaction
          .updateTable("runs")
          .set({ state: "pending", owner: null, heartbeat_ms: null, not_before_ms: notBeforeMs, cause, code })
          .where("id", "=", runId)
          .where("attempt", "=", attempt)
          .where("state", "=", "running");
        if (ifHeartbeatMs !== undefined) update = update.where("heartbeat_ms", "=", ifHeartbeatMs);
        const result = await update.executeTakeFirst();
        if (result.numUpdatedRows !== 1n) throw fenced(runId, attempt);
        await closeAttempts(transaction, runId, clock.now(), cause, code);
      }),

    async hastenRun(runId, attempt) {
      const nowMs = clock.now();
      const result = await db
        .updateTable("runs")
        .set({ not_before_ms: nowMs })
        .where("id", "=", runId)
        .where("attempt", "=", attempt)
        .where("state", "=", "pending")
        .where("not_before_ms", ">", nowMs)
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },

    settleRun: (runId, attempt, record) =>
      db.transaction().execute(async (transaction) => {
        checkRecord(runId, attempt, record);
        const result = await transaction
          .updateTable("runs")
          .set(settledColumns(record))
          .where("id", "=", runId)
          .where("attempt", "=", attempt)
          .where("state", "=", "running")
          .executeTakeFirst();
        if (result.numUpdatedRows !== 1n) throw fenced(runId, attempt);
        await closeAttempts(transaction, runId, clock.now(), record.cause, record.code);
      }),

    async settlePending(record) {
      const result = await db
        .updateTable("runs")
        .set(settledColumns(record))
        .where("id", "=", record.id)
        .where("state", "=", "pending")
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },

    async lostRuns(staleAfterMs) {
      const rows = await db
        .selectFrom("runs")
        .selectAll()
        .where("state", "=", "running")
        .where(silent(clock.now(), staleAfterMs))
        .orderBy("slot_ms")
        .execute();
      return rows.map(rowOf);
    },

    async setSchedulesBack(aheadMs) {
      const nowMs = clock.now();
      const result = await db
        .updateTable("schedules")
        .set((write) => ({
          last_slot_ms: write.fn.coalesce(
            write
              .selectFrom("runs")
              .select("runs.slot_ms")
              .whereRef("runs.kind", "=", "schedules.kind")
              .whereRef("runs.object", "=", "schedules.object")
              .where("runs.by_hand", "=", 0)
              .whereRef("runs.slot_ms", ">=", "schedules.known_since_ms")
              .where("runs.slot_ms", "<=", nowMs)
              .where("runs.recorded_ms", "<=", nowMs)
              .orderBy("runs.slot_ms", "desc")
              .limit(1),
            "schedules.known_since_ms",
          ),
        }))
        .where("last_slot_ms", ">", nowMs + aheadMs)
        // else this clock may be the wrong one
        .where("known_since_ms", "<=", nowMs)
        .executeTakeFirst();
      return Number(result.numUpdatedRows);
    },

    importRecords: (records) =>
      db.transaction().execute(async (transaction) => {
        let count = 0;
        for (const record of records) {
          const row = settledRow(record, clock.now());
          const result = await transaction
            .insertInto("runs")
            .values(row)
            .onConflict((conflict) =>
              conflict.column("id").doUpdateSet(settledColumns(record)).where("runs.state", "!=", "settled"),
            )
            .executeTakeFirst();
          count += Number(result.numInsertedOrUpdatedRows ?? 0n);
          if (!isByHand(record.id)) await moveLastSlot(transaction, record, row.slot_ms, row.slot_ms);
        }
        return count;
      }),
  };
}

async function whyNotClaimed(db: Kysely<Tables>, runId: string, nowMs: number) {
  const row = await db.selectFrom("runs").select(["state", "not_before_ms"]).where("id", "=", runId).executeTakeFirst();
  if (row === undefined) return "unknown";
  if (row.state !== "pending") return row.state === "running" ? "running" : "settled";
  return row.not_before_ms > nowMs ? "not-due" : "busy";
}

/** Heartbeat too old; or far in the future, which happens when the clock was set back under a worker that is gone. */
function silent(nowMs: number, staleAfterMs: number) {
  return sql<boolean>`(heartbeat_ms < ${nowMs - staleAfterMs} or heartbeat_ms > ${nowMs + staleAfterMs})`;
}

/**
 * True when the row is new. What is known stays, but for one thing: a slot that was skipped at a time still to come. Only a clock that was
 * ahead writes such rows, up to a hundred for each object, and when their time truly comes they would stand in the way of its runs. Nothing
 * ever ran for them, so nothing is lost with them; a kill leaves the old row or the new one.
 */
async function insertRun(transaction: Transaction<Tables>, row: RunTableRow): Promise<boolean> {
  const result = await transaction
    .insertInto("runs")
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column("id")
        .doUpdateSet(row)
        .where("runs.state", "=", "settled")
        .where("runs.result", "=", "skipped")
        .where("runs.recorded_ms", ">", row.recorded_ms),
    )
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

async function moveLastSlot(
  transaction: Transaction<Tables>,
  run: Pick<NewRun, "kind" | "object">,
  slotMs: number,
  knownSinceMs: number,
): Promise<void> {
  await transaction
    .insertInto("schedules")
    .values({ kind: run.kind, object: run.object, known_since_ms: Math.min(slotMs, knownSinceMs), last_slot_ms: slotMs })
    .onConflict((conflict) =>
      conflict
        .columns(["kind", "object"])
        .doUpdateSet({ last_slot_ms: slotMs })
        // never backwards: of two schedulers the slower one may write an older slot last
        .where((where) => where.or([where("schedules.last_slot_ms", "is", null), where("schedules.last_slot_ms", "<", slotMs)])),
    )
    .execute();
}

async function closeAttempts(
  transaction: Transaction<Tables>,
  runId: string,
  endedMs: number,
  cause: string | null,
  code: string | null,
): Promise<void> {
  await transaction
    .updateTable("attempts")
    .set({ ended_ms: endedMs, cause, code })
    .where("run_id", "=", runId)
    .where("ended_ms", "is", null)
    .execute();
}

function checkRecord(runId: string, attempt: number, record: RunRecord): void {
  if (record.id !== runId || record.attempt !== attempt) {
    throw new Error(`record of ${record.id}, attempt ${record.attempt}, cannot settle ${runId}, attempt ${attempt}`);
  }
}

function fenced(runId: string, attempt: number): LifeboatError {
  return new LifeboatError("job-fenced", `attempt ${attempt} of ${runId} is no longer the running one`, {
    context: { run: runId, attempt },
  });
}
