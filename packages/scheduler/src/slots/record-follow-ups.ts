import { type Catalog, type NewRun, type RunRow, scheduleKey } from "@lifeboat/catalog";
import { type CompiledConfig, formatRunId, formatWithOffset, parseRunId, type RunKind } from "@lifeboat/model";
import { zoneOf } from "./scheduled-objects.ts";
import type { SettledWatch } from "./watch-settled.ts";

const dayMs = 86_400_000;
/** After all attempts of a replication have failed, the next one starts this much later, also without a new backup. */
const replicateAgainMs = 3_600_000;

/**
 * What follows a backup, as runs of their own whose ids come from the backup's slot: so a scheduler that was down, or a second
 * one, finds or makes the same rows. The object of both is the asset.
 * Replicate: for the newest good backup. It copies all snapshots of the asset that the other sites lack, so one that failed
 * is made good by the next.
 * Forget: once in a (UTC) day, after the first good backup of that day. Without a good backup nothing is forgotten: retention
 * is held. "Good" is passed or incomplete: some unreadable files must not let a repository grow for ever.
 */
export async function recordFollowUps(
  { config, catalog, settled }: { readonly config: CompiledConfig; readonly catalog: Catalog; readonly settled: SettledWatch },
  nowMs: number,
): Promise<number> {
  const openRuns = await catalog.openRuns();
  if (!settled.isDue(openRuns)) return 0;
  const good = await catalog.latestRuns("backup", ["passed", "incomplete"], config.assets.keys());
  const open = new Set(openRuns.map(scheduleKey));
  let recorded = 0;
  const record = async (run: NewRun) => {
    if (await catalog.recordPending(run)) recorded++;
  };
  for (const [asset, backup] of good) {
    const policy = config.policies.get(config.assets.get(asset)?.policy ?? "");
    const parts = parseRunId(backup.id);
    if (policy === undefined || parts === undefined) continue;
    const follow = (kind: RunKind, slot: number, suffix?: string): NewRun => ({
      id: formatRunId({ kind, object: asset, slot, ...(suffix !== undefined && { suffix }) }),
      kind,
      object: asset,
      policy: policy.name,
      slot: formatWithOffset(slot, zoneOf(config, policy.name)),
      byHand: suffix !== undefined,
    });
    const isOpen = (kind: RunKind) => open.has(scheduleKey({ kind, object: asset }));
    if (policy.replicate.to.length > 0 && !isOpen("replicate")) {
      const run = follow("replicate", parts.slot, parts.suffix);
      const earlier = await catalog.findRun(run.id);
      if (earlier === undefined) await record(run);
      else if (await shouldCopyAgain(catalog, earlier, nowMs)) {
        await record(follow("replicate", Math.floor(nowMs / replicateAgainMs) * replicateAgainMs));
      }
    }
    if (policy.retention !== undefined && !isOpen("forget")) {
      const run = follow("forget", Math.floor(parts.slot / dayMs) * dayMs);
      // asked first: a write for each asset each time would be a busy disk for nothing
      if ((await catalog.findRun(run.id)) === undefined) await record(run);
    }
  }
  settled.done();
  return recorded;
}

/** The run for this backup has failed, and so has whatever was tried after it. */
async function shouldCopyAgain(catalog: Catalog, earlier: RunRow, nowMs: number): Promise<boolean> {
  if (earlier.record?.result !== "failed") return false;
  const [latest] = (
    await catalog.latestRuns("replicate", ["passed", "incomplete", "failed", "cancelled"], [earlier.object])
  ).values();
  return latest?.record?.result === "failed" && (latest.endedMs ?? nowMs) <= nowMs - replicateAgainMs;
}
