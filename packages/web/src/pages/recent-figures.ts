import type { BackupEnd, Catalog, RunCount } from "@lifeboat/catalog";
import type { CompiledConfig } from "@lifeboat/model";
import { type LocalDay, lastLocalDays } from "../figures/local-days.ts";
import { type BackupTimes, measureRpoKept, type TimeKept } from "../figures/rpo-kept.ts";

export const recentDayCount = 30;
const dayMs = 86_400_000;
const longestLookBackMs = 90 * dayMs;

export interface RecentFigures {
  readonly days: readonly LocalDay[];
  readonly counts: readonly RunCount[];
  readonly rpoKept: TimeKept;
  readonly assetsWithRpo: number;
  readonly backupsByAsset: ReadonlyMap<string, readonly BackupEnd[]>;
}

/** The figures of the last 30 days: one reading for all assets. */
export async function readRecentFigures(catalog: Catalog, config: CompiledConfig, nowMs: number): Promise<RecentFigures> {
  const days = lastLocalDays(nowMs, config.company.timezone, recentDayCount);
  const fromMs = days[0]?.startMs ?? nowMs;
  const objectives = new Map<string, number>();
  for (const asset of config.assets.values()) {
    const rpoSeconds = config.policies.get(asset.policy)?.objectives.rpoSeconds;
    if (rpoSeconds !== undefined) objectives.set(asset.name, rpoSeconds);
  }
  // A copy from before the window is good for as long as the longest objective.
  const lookBackMs = Math.min(Math.max(0, ...objectives.values()) * 1000, longestLookBackMs);
  const backupsByAsset = Map.groupBy(await catalog.backupEnds({ sinceMs: fromMs - lookBackMs }), (backup) => backup.object);
  let keptMs = 0;
  let ofMs = 0;
  for (const [asset, rpoSeconds] of objectives) {
    const backups: BackupTimes[] = (backupsByAsset.get(asset) ?? []).map(({ startedMs, endedMs, result }) => ({
      startedMs,
      endedMs,
      isGood: result === "passed",
    }));
    if (!backups.some(({ startedMs }) => startedMs < fromMs)) {
      // New in the window, or so long without a backup that the reading has none of them: then all of the window counts.
      const [before] = await catalog.history({
        object: asset,
        kinds: ["backup"],
        states: ["settled"],
        untilMs: fromMs,
        limit: 1,
      });
      if (before !== undefined) backups.push({ startedMs: before.slotMs, endedMs: before.slotMs, isGood: false });
    }
    const kept = measureRpoKept(backups, rpoSeconds, fromMs, nowMs);
    keptMs += kept.keptMs;
    ofMs += kept.ofMs;
  }
  const counts = await catalog.countRuns({ sinceMs: fromMs });
  return { days, counts, rpoKept: { keptMs, ofMs }, assetsWithRpo: objectives.size, backupsByAsset };
}
