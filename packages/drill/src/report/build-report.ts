import type { DrillRun } from "../drill-run.ts";
import { describeTarget } from "../targets.ts";
import type { Finish } from "../teardown/finish-drill.ts";
import { judgeDrill } from "../verdict/judge-drill.ts";
import { measureParts } from "../verdict/measure-parts.ts";
import { writeVerdict } from "../verdict/write-verdict.ts";
import type { DrillAchieved, DrillAssetReport, DrillCause, DrillOutcome, DrillReport } from "./drill-report.ts";

type Ending = Omit<Finish, "endedAtMs">;

/** The outcome with what is known so far; the teardown asks before it decides what to keep. */
export function judgeRun(run: DrillRun, ending: Ending): { outcome: DrillOutcome; causes: DrillCause[] } {
  const warnings = run.made.warnings.map((reason): DrillCause => ({ kind: "warning", where: "provisioning", reason }));
  const assets = reportAssets(run);
  return judgeDrill({
    cancelled: ending.cancelled,
    causes: [...run.causes, ...warnings],
    objectives: objectivesOf(run),
    achieved: measure(run, assets, ending.checkedAtMs),
    elapsedSeconds: (ending.checkedAtMs - run.options.declaredAtMs) / 1000,
    assets,
    steps: run.log.steps,
    checks: run.log.checks,
    leftovers: ending.teardown.filter((thing) => thing.state !== "removed"),
  });
}

export function buildReport(run: DrillRun, finish: Finish): DrillReport {
  const { plan, options, ports, log } = run;
  const { drill } = plan;
  const { outcome, causes } = judgeRun(run, finish);
  const objectives = objectivesOf(run);
  const assets = reportAssets(run);
  const achieved = measure(run, assets, finish.checkedAtMs);
  const problems = causes.filter((cause) => cause.kind !== "warning");
  return {
    schema: "lifeboat.drill/1",
    run: options.runId,
    drill: drill.name,
    description: drill.description ?? null,
    owner: drill.owner ?? null,
    outcome,
    verdict: writeVerdict({ drill: drill.name, outcome, causes, objectives, achieved, assets }),
    warnings: causes.length - problems.length,
    causes,
    declared_at: new Date(options.declaredAtMs).toISOString(),
    started_at: new Date(run.startedAtMs).toISOString(),
    ended_at: new Date(finish.endedAtMs).toISOString(),
    objectives,
    achieved,
    assets,
    targets: [...run.made.targets.values()].map((target) => ({
      id: target.id,
      type: target.type,
      machine: target.machine.name,
      place: describeTarget(target),
    })),
    steps: log.steps,
    checks: log.checks,
    not_covered: listNotCovered(run),
    people: options.startedBy === undefined ? [] : [{ role: "started by", who: options.startedBy }],
    findings: problems.map((cause, at) => ({
      number: at + 1,
      text: `${cause.where}: ${cause.reason}`,
      owner: drill.owner ?? null,
    })),
    teardown: finish.teardown,
    leftovers: finish.teardown.filter((thing) => thing.state !== "removed"),
    versions: listVersions(run),
    clock_skew_s: Object.fromEntries(run.preflight?.skewSeconds ?? []),
    install_id: ports.installId,
    config_sha256: options.configSha256 ?? null,
    definition: drill.text,
  };
}

function objectivesOf({ plan }: DrillRun): { rto_s: number | null; rpo_s: number | null } {
  const { rtoSeconds, rpoSeconds } = plan.drill.objectives;
  return { rto_s: rtoSeconds ?? null, rpo_s: rpoSeconds ?? null };
}

function measure(run: DrillRun, assets: readonly DrillAssetReport[], checkedAtMs: number): DrillAchieved {
  const { declaredAtMs } = run.options;
  const recoveredAtMs = run.log.recoveredAtMs();
  // What was chosen and not restored is no point that anything was recovered to.
  const isRecovered = assets.length > 0 && assets.every(({ restored }) => restored);
  return {
    rta_s: recoveredAtMs === undefined ? null : (recoveredAtMs - declaredAtMs) / 1000,
    rta_parts: measureParts(run.log.spans, declaredAtMs, recoveredAtMs ?? checkedAtMs),
    rpa_s: isRecovered ? Math.max(...assets.map(({ age_s }) => age_s)) : null,
    measured_rpa_s: run.dataAgeSeconds ?? null,
    extrapolated: false,
  };
}

function reportAssets(run: DrillRun): DrillAssetReport[] {
  const { plan, options, log } = run;
  const passedSteps = new Set(log.steps.filter((step) => step.verdict === "passed").map((step) => step.id));
  return [...run.snapshots].map(([asset, snapshot]) => {
    const steps = plan.restores.filter((step) => step.asset === asset);
    const proving = log.checks.filter(
      (check) => check.verdict === "passed" && check.control.verdict === "proved" && check.control.proves.includes(asset),
    );
    return {
      asset,
      kind: snapshot.kind,
      snapshot: snapshot.snapshotId,
      time: new Date(snapshot.timeMs).toISOString(),
      age_s: (options.declaredAtMs - snapshot.timeMs) / 1000,
      repository: snapshot.repository,
      size_bytes: snapshot.sizeBytes,
      target: steps.map((step) => step.to).join(", "),
      restored: steps.every((step) => passedSteps.has(step.id)),
      proved_by: proving.map((check) => check.id),
    };
  });
}

function listNotCovered(run: DrillRun): string[] {
  const { plan, log } = run;
  const lines: string[] = [];
  for (const step of plan.restores) {
    if (step.paths.length > 0) lines.push(`${step.asset} outside of ${step.paths.length} given paths (step ${step.id})`);
  }
  for (const check of plan.drill.checks) {
    if (check.type !== "file_hash") continue;
    const sample = run.context?.samples.get(check.id)?.length;
    if (sample === undefined) lines.push(`contents of files: no sample was drawn (check ${check.id})`);
    else if (check.sampleRatio < 1)
      lines.push(`files outside of the sample of ${sample} (check ${check.id}, ${check.sampleRatio * 100}%)`);
  }
  for (const step of log.steps) if (step.verdict === "skipped") lines.push(`step ${step.id}: ${step.detail}`);
  for (const check of log.checks) {
    if (check.verdict === "skipped") lines.push(`check ${check.id}: ${check.detail}`);
    if (check.control.verdict === "none") lines.push(`whether check ${check.id} can say no (control: none)`);
  }
  return lines;
}

function listVersions(run: DrillRun): Record<string, string> {
  const versions: Record<string, string> = run.options.tool === undefined ? {} : { tool: run.options.tool };
  for (const target of run.made.targets.values()) {
    if (target.type === "postgresql") versions[`PostgreSQL of target ${target.id}`] = target.server.serverVersion;
  }
  for (const [asset, { facts }] of run.snapshots) {
    if (facts !== undefined) versions[`${facts.engine} of ${asset} when dumped`] = facts.serverVersion;
  }
  return versions;
}
