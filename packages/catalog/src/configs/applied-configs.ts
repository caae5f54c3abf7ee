import { type Clock, clockToleranceMs } from "@lifeboat/model";
import type { Kysely } from "kysely";
import type { Catalog } from "../catalog.ts";
import type { Tables } from "../schema/tables.ts";

type AppliedConfigs = Pick<Catalog, "recordConfig" | "appliedConfigs" | "beat" | "beats">;

/** Which configuration ran when, and which programs live: what the people who look after the service ask first. */
export function appliedConfigs(db: Kysely<Tables>, clock: Clock): AppliedConfigs {
  const newest = () => db.selectFrom("configs").selectAll().orderBy("number", "desc");
  return {
    async recordConfig({ sha256, text, appliedBy }) {
      const last = await newest().limit(1).executeTakeFirst();
      if (last?.sha256 === sha256) return false;
      await db.insertInto("configs").values({ sha256, text, applied_by: appliedBy, applied_ms: clock.now() }).execute();
      return true;
    },

    async appliedConfigs(limit = 100) {
      const rows = await newest()
        .limit(Math.min(Math.max(limit, 1), 1000))
        .execute();
      return rows.map((row) => ({ sha256: row.sha256, text: row.text, appliedBy: row.applied_by, appliedMs: row.applied_ms }));
    },

    async beat({ program, instance, detail }) {
      const row = { program, instance, at_ms: clock.now(), detail: detail ?? null };
      await db
        .insertInto("beats")
        .values(row)
        .onConflict((conflict) => conflict.columns(["program", "instance"]).doUpdateSet(row))
        .execute();
      // Beats from a clock that was ahead would be the newest until that time has come, also of a program that is long gone. Whoever lives
      // beats again in seconds, so a wrong word here, or a kill before it, costs nothing.
      await db
        .deleteFrom("beats")
        .where("at_ms", ">", row.at_ms + clockToleranceMs)
        .execute();
    },

    async beats() {
      const rows = await db.selectFrom("beats").selectAll().orderBy("at_ms", "desc").limit(1000).execute();
      return rows.map((row) => ({ program: row.program, instance: row.instance, atMs: row.at_ms, detail: row.detail }));
    },
  };
}
