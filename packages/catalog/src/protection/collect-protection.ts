import {
  type CompiledConfig,
  clockToleranceMs,
  hasReadAllData,
  hasReadStructure,
  isDataDamage,
  type ProtectionInput,
  type RestoreProof,
  type RunRecord,
  type RunResult,
} from "@lifeboat/model";
import type { Catalog, HistoryFilter, RunRow } from "../catalog.ts";

const answers: readonly RunResult[] = ["passed", "incomplete", "failed", "inconclusive"];

const pageSize = 100;
/** Who has more checks than that after damage was found waits for no older one. */
const checksLookedAt = 10_000;

/**
 * Everything that `assessProtection` wants to know, as far as history knows it: so that status, page and scheduler say the
 * same. Reads the newest rows only, so it may be asked often.
 */
export async function collectProtection(catalog: Catalog, config: CompiledConfig, nowMs: number): Promise<ProtectionInput> {
  const assets = [...config.assets.keys()];
  const repositories = [...config.repositories.keys()];
  const untilMs = nowMs + clockToleranceMs;
  const backups = await lastBackups(catalog, assets, untilMs);
  const checks = await Promise.all(repositories.map((object) => checksOf(catalog, object, untilMs)));
  const reports = await Promise.all([...config.drills.keys()].map((drill) => catalog.drillReports({ drill, limit: 20 })));
  const beat = (await catalog.beats()).find(({ program }) => program === "scheduler");
  return {
    nowMs,
    config,
    runs: [...backups.map(recordOf), ...checks.flat()],
    copies: await catalog.goodCopies(),
    proofs: reports.flat().flatMap((report) =>
      report.proofs.map(
        ({ asset, outcome }): RestoreProof => ({
          asset,
          outcome,
          drill: report.drill,
          runId: report.runId,
          declaredMs: Date.parse(report.declared),
          rtaSeconds: report.rtaSeconds,
        }),
      ),
    ),
    openRuns: (await catalog.openRuns()).map(({ id }) => id),
    schedulerBeatMs: beat?.atMs ?? null,
  };
}

async function lastBackups(catalog: Catalog, assets: readonly string[], untilMs: number): Promise<RunRow[]> {
  const latest = [...(await catalog.latestRuns("backup", answers, assets)).values()];
  const rows = latest.map(async (row) =>
    (row.endedMs ?? 0) <= untilMs
      ? [row]
      : // One that ended under a wrong clock is not the last one: some before it, by their slots, among which that is.
        catalog.history({ kinds: ["backup"], object: row.object, results: answers, endedUntilMs: untilMs, limit: 20 }),
  );
  return (await Promise.all(rows)).flat();
}

/** As many as decide: a later check that could not look, or not as deep, must not hide the damage that an earlier one found. */
async function checksOf(catalog: Catalog, object: string, untilMs: number): Promise<RunRecord[]> {
  const kinds = ["check"] as const;
  const failed = await readUntil(catalog, { kinds, object, results: ["failed"] }, isDataDamage);
  const isEnough = failed.some(isDataDamage) ? hasReadAllData : hasReadStructure;
  const passed = await readUntil(catalog, { kinds, object, results: ["passed"], endedUntilMs: untilMs }, isEnough);
  return [...failed, ...passed];
}

/** Newest first, page by page, until the one that is looked for is among them. */
async function readUntil(
  catalog: Catalog,
  filter: HistoryFilter,
  isWanted: (record: RunRecord) => boolean,
): Promise<RunRecord[]> {
  const found: RunRecord[] = [];
  while (found.length < checksLookedAt) {
    const page = (await catalog.history({ ...filter, limit: pageSize, offset: found.length })).map(recordOf);
    found.push(...page);
    if (page.length < pageSize || page.some(isWanted)) break;
  }
  return found;
}

/** Rows with a result are settled. */
function recordOf({ id, record }: RunRow): RunRecord {
  if (record === null) throw new Error(`run ${id} has a result but is not settled`);
  return record;
}
