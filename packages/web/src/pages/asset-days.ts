import type { Catalog } from "@lifeboat/catalog";
import type { RunResult } from "@lifeboat/model";
import { type LocalDay, resultsByDay } from "../figures/local-days.ts";

const pageSize = 5000;

/** The worst result of an asset's backups that were due on each day: by the slot, as the list of runs that a day leads to. */
export async function readAssetDays(
  catalog: Catalog,
  asset: string,
  days: readonly LocalDay[],
): Promise<readonly (RunResult | "none")[]> {
  const filter = { object: asset, kinds: ["backup"], states: ["settled"], sinceMs: days[0]?.startMs ?? 0 } as const;
  const due: { result: RunResult; atMs: number }[] = [];
  for (let offset = 0; ; offset += pageSize) {
    const rows = await catalog.history({ ...filter, limit: pageSize, offset });
    for (const { record, slotMs } of rows) if (record !== null) due.push({ result: record.result, atMs: slotMs });
    if (rows.length < pageSize) return resultsByDay(days, due);
  }
}
