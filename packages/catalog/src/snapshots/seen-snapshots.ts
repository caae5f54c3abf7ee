import type { Kysely } from "kysely";
import type { Catalog } from "../catalog.ts";
import type { Tables } from "../schema/tables.ts";

type SeenSnapshots = Pick<Catalog, "recordSnapshots" | "forgetSnapshots" | "seenSnapshots" | "goodCopies">;

/** What the page and `status` know of snapshots without opening a repository. */
export function seenSnapshots(db: Kysely<Tables>): SeenSnapshots {
  return {
    recordSnapshots: (snapshots) =>
      db.transaction().execute(async (transaction) => {
        for (const snapshot of snapshots) {
          const row = { ...snapshot, time_ms: Date.parse(snapshot.time) };
          if (Number.isNaN(row.time_ms)) throw new Error(`snapshot ${snapshot.id}: '${snapshot.time}' is not an RFC 3339 time`);
          await transaction
            .insertInto("snapshots")
            .values(row)
            .onConflict((conflict) => conflict.columns(["repository", "id"]).doUpdateSet(row))
            .execute();
        }
      }),

    forgetSnapshots: (repository, ids) =>
      db.transaction().execute(async (transaction) => {
        for (const id of ids) {
          await transaction.deleteFrom("snapshots").where("repository", "=", repository).where("id", "=", id).execute();
        }
      }),

    async seenSnapshots({ repository, asset, run, limit = 1000 }) {
      let query = db.selectFrom("snapshots").select(["repository", "id", "original", "asset", "run", "time", "bytes", "files"]);
      if (repository !== undefined) query = query.where("repository", "=", repository);
      if (asset !== undefined) query = query.where("asset", "=", asset);
      if (run !== undefined) query = query.where("run", "=", run);
      return query
        .orderBy("time_ms", "desc")
        .orderBy("id")
        .limit(Math.min(Math.max(limit, 1), 100_000))
        .execute();
    },

    async goodCopies() {
      const rows = await db
        .selectFrom((from) =>
          from
            .selectFrom("snapshots")
            .innerJoin("runs", "runs.id", "snapshots.run")
            .select(["snapshots.repository", "snapshots.id", "snapshots.asset", "snapshots.time_ms"])
            .select((select) =>
              select.fn
                .agg<number>("row_number")
                .over((over) =>
                  over.partitionBy(["snapshots.asset", "snapshots.repository"]).orderBy("snapshots.time_ms", "desc"),
                )
                .as("place"),
            )
            .where("runs.result", "=", "passed")
            .as("ranked"),
        )
        .selectAll()
        .where("place", "=", 1)
        .execute();
      return rows.flatMap(({ repository, id, asset, time_ms }) =>
        asset === null ? [] : [{ repository, asset, timeMs: time_ms, snapshot: id }],
      );
    },
  };
}
