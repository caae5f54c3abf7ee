import type { RunRecord } from "../run/run.ts";
import { parseRunId } from "../run/run-id.ts";
import { assessAsset } from "./assess-asset.ts";
import { isFromFuture } from "./judge-age.ts";
import {
  type AssetProtection,
  type CountOf,
  type JudgedAge,
  type Protection,
  type ProtectionInput,
  protectionLevels,
  type SchedulerLife,
} from "./protection.ts";
import { isLater, repositoryStates } from "./repository-state.ts";
import { verdictSentence } from "./verdict-sentence.ts";

/**
 * Are we protected? An asset is, when its best usable copy is younger than its RPO, its copy at a second site younger than
 * `rpo_offsite`, the last check of its repository younger than `verify_every` and the last restore that proved it younger than
 * `drill_every`: whichever of these its policy promises. A copy in a damaged repository is no copy.
 * Pure: the answer follows from the input alone, `nowMs` included.
 */
export function assessProtection(input: ProtectionInput): Protection {
  const { nowMs, config } = input;
  const runs = [...input.runs];
  const repositories = repositoryStates(runs, nowMs);
  const copies = groupByAsset(input.copies);
  const proofs = groupByAsset(input.proofs);
  const lastBackups = lastBackupOf(runs, nowMs);
  const open = new Set([...(input.openRuns ?? [])].map(backedUpAsset));
  const assets: AssetProtection[] = [];
  for (const asset of config.assets.values()) {
    const policy = config.policies.get(asset.policy);
    if (policy === undefined) continue;
    const drills = [...config.drills.values()]
      .filter((drill) => drill.steps.some((step) => step.kind === "restore" && step.asset === asset.name))
      .map((drill) => drill.name);
    assets.push(
      assessAsset({
        nowMs,
        asset,
        policy,
        copies: copies.get(asset.name) ?? [],
        proofs: proofs.get(asset.name) ?? [],
        lastBackup: lastBackups.get(asset.name),
        repositories,
        drills,
        isOpen: open.has(asset.name),
        unread: input.unread ?? new Map(),
      }),
    );
  }
  const rank = (asset: AssetProtection) => protectionLevels.indexOf(asset.level);
  const attention = assets
    .filter((asset) => asset.level !== "good" || asset.why !== "")
    .sort((a, b) => rank(b) - rank(a) || overdue(b) - overdue(a));
  const counts = {
    assets: { good: assets.filter((asset) => asset.level === "good").length, of: assets.length },
    withinRpo: countMet(assets.map((asset) => asset.rpo)),
    secondSite: countMet(assets.map((asset) => asset.secondSite)),
    checked: countMet(assets.map((asset) => asset.check)),
    proven: countMet(assets.map((asset) => asset.proof)),
  };
  const scheduler = schedulerLife(nowMs, input.schedulerBeatMs);
  const verdict = verdictSentence({ nowMs, timezone: config.company.timezone, scheduler, counts, assets });
  return { nowMs, ...verdict, scheduler, counts, assets, attention };
}

const lateAfterMs = 2 * 60_000;
const silentAfterMs = 10 * 60_000;

function schedulerLife(nowMs: number, beatMs: number | null | undefined): SchedulerLife {
  if (beatMs === undefined) return { state: "unasked", lastBeatMs: null };
  if (beatMs === null) return { state: "silent", lastBeatMs: null };
  // A beat from the future says as little as one from long ago: the clock was set back since.
  const distanceMs = Math.abs(nowMs - beatMs);
  const state = distanceMs > silentAfterMs ? "silent" : distanceMs > lateAfterMs ? "late" : "live";
  return { state, lastBeatMs: beatMs };
}

function countMet(judged: readonly JudgedAge[]): CountOf {
  const promised = judged.filter((one) => one.objectiveSeconds !== undefined);
  return { good: promised.filter((one) => one.verdict === "met").length, of: promised.length };
}

/** How far beyond its RPO, as a share of it; without any copy it is the worst of its level. */
function overdue({ rpo, lastGood }: AssetProtection): number {
  if (lastGood === undefined) return Number.MAX_VALUE;
  return (rpo.ageSeconds ?? 0) / (rpo.objectiveSeconds ?? Number.POSITIVE_INFINITY);
}

function groupByAsset<T extends { readonly asset: string }>(items: Iterable<T>): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.asset);
    if (group === undefined) groups.set(item.asset, [item]);
    else group.push(item);
  }
  return groups;
}

/** Skipped and cancelled ones say nothing about the data, so they hide no earlier answer; nor does one that ended under a wrong clock. */
function lastBackupOf(runs: readonly RunRecord[], nowMs: number): Map<string, RunRecord> {
  const last = new Map<string, RunRecord>();
  for (const run of runs) {
    if (run.kind !== "backup" || run.result === "skipped" || run.result === "cancelled") continue;
    if (isFromFuture(nowMs, Date.parse(run.ended))) continue;
    if (isLater(run, last.get(run.object))) last.set(run.object, run);
  }
  return last;
}

function backedUpAsset(runId: string): string | undefined {
  const parts = parseRunId(runId);
  return parts?.kind === "backup" ? parts.object : undefined;
}
