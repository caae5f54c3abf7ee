import type { CompiledConfig, ProtectionInput, RestoreProof, RunRecord, RunResult } from "@lifeboat/model";
import type { Catalog, RunRow } from "../catalog.ts";

const answers: readonly RunResult[] = ["passed", "incomplete", "failed", "inconclusive"];

const failedChecksLookedAt = 100;

/**
 * Everything that `assessProtection` wants to know, as far as history knows it: so that status, page and scheduler say the
 * same. Reads the newest rows only, so it may be asked often.
 */
export async function collectProtection(catalog: Catalog, config: CompiledConfig, nowMs: number): Promise<ProtectionInput> {
  const assets = [...config.assets.keys()];
  const repositories = [...config.repositories.keys()];
  const latest = await Promise.all([
    catalog.latestRuns("backup", answers, assets),
    catalog.latestRuns("check", ["passed"], repositories),
  ]);
  // Several, because a later check that could not look must not hide the damage that an earlier one found.
  const failedChecks = await Promise.all(
    repositories.map((object) => catalog.history({ kinds: ["check"], object, results: ["failed"], limit: failedChecksLookedAt })),
  );
  const reports = await Promise.all([...config.drills.keys()].map((drill) => catalog.drillReports({ drill, limit: 20 })));
  const beat = (await catalog.beats()).find(({ program }) => program === "scheduler");
  return {
    nowMs,
    config,
    runs: [...latest.flatMap((runs) => [...runs.values()]), ...failedChecks.flat()].map(recordOf),
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

/** Rows with a result are settled. */
function recordOf({ id, record }: RunRow): RunRecord {
  if (record === null) throw new Error(`run ${id} has a result but is not settled`);
  return record;
}
