import type { CompiledDrillCheck } from "@lifeboat/model";
import type { DrillContext } from "../drill-context.ts";
import type { RestoreStep } from "../plan/plan-drill.ts";
import { fillRun } from "../plan/substitute.ts";
import type { SampledFile } from "../ports.ts";
import type { LiveDatabase, LiveTarget } from "../targets.ts";
import { checkCommand } from "./check-command.ts";
import { checkFileHash, type FileHashCheck } from "./check-file-hash.ts";
import { checkFreshness } from "./check-freshness.ts";
import { checkHttp } from "./check-http.ts";
import type { CheckOutcome } from "./check-outcome.ts";
import { checkRowCount } from "./check-row-count.ts";
import { checkSql } from "./check-sql.ts";

/** Hashing more than this says no more about the restore, and keeps the answer's size bounded. */
const maxSampledFiles = 20_000;

/** One check against the context's targets, whole or damaged: the same code asks both. */
export async function runCheck(check: CompiledDrillCheck, context: DrillContext, signal: AbortSignal): Promise<CheckOutcome> {
  if (check.type === "command") return checkCommand(check, context, signal);
  if (check.type === "http") return checkHttp(check, fillRun(check.url, context.plan.run), context.ports, signal);
  const step = subjectOf(context, check);
  const target = targetOf(context, step.to);
  if (check.type === "file_hash") {
    if (target.type !== "directory") throw new Error(`target ${target.id} is no directory`);
    return checkFileHash(await drawSample(check, step, context, signal), target.machine, target.path, signal);
  }
  const database = databaseOf(target);
  if (check.type === "sql") return checkSql(check, database, signal);
  if (check.type === "freshness") return checkFreshness(check, database, context.declaredAtMs, signal);
  return checkRowCount(check, database, context.snapshots.get(step.asset)?.facts, signal);
}

export function subjectOf(context: DrillContext, check: CompiledDrillCheck): RestoreStep {
  const step = context.plan.subjects.get(check.id);
  if (step === undefined) throw new Error(`check ${check.id} has no restore step`);
  return step;
}

export function targetOf(context: DrillContext, id: string): LiveTarget {
  const target = context.targets.get(id);
  if (target === undefined) throw new Error(`target ${id} does not stand`);
  return target;
}

export function databaseOf(target: LiveTarget): LiveDatabase {
  if (target.type === "directory") throw new Error(`target ${target.id} is no database`);
  return target;
}

/** Drawn once for each check: its control must look at the same files. */
async function drawSample(
  check: FileHashCheck,
  step: RestoreStep,
  context: DrillContext,
  signal: AbortSignal,
): Promise<readonly SampledFile[]> {
  const drawn = context.samples.get(check.id);
  if (drawn !== undefined) return drawn;
  const snapshot = context.snapshots.get(step.asset);
  if (snapshot === undefined) throw new Error(`no snapshot of ${step.asset} was selected`);
  const sample = await context.ports.sampleFiles({
    snapshotId: snapshot.snapshotId,
    asset: step.asset,
    paths: step.paths,
    ratio: check.sampleRatio,
    maxFiles: maxSampledFiles,
    random: context.ports.random,
    signal,
  });
  context.samples.set(check.id, sample);
  return sample;
}
