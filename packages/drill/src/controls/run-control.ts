import { type CompiledDrillCheck, LifeboatError, messageOf } from "@lifeboat/model";
import { allowedRows, recordedRows } from "../checks/check-row-count.ts";
import { databaseOf, runCheck, subjectOf, targetOf } from "../checks/run-check.ts";
import { type DrillContext, machineOf } from "../drill-context.ts";
import { lastWords } from "../machine/run-command.ts";
import { targetsIn } from "../plan/substitute.ts";
import { runDetaching, runDrillCommand } from "../steps/run-drill-command.ts";
import type { LiveTarget } from "../targets.ts";
import type { ControlOutcome, TriedDamage } from "./control-outcome.ts";
import { type CopyKeeper, copyTarget, type TargetCopy } from "./copy-target.ts";
import type { Damage } from "./damage.ts";
import { sqlDamage } from "./damage.ts";
import { damageDatabase, dropTableForGood, dropTableForQuery } from "./database-damages.ts";
import { chooseControlFiles, copyFiles, damageFolder, flipByte } from "./file-damages.ts";
import { agePostgresTables, damagePostgresTables, findPostgresTables, removePostgresRows } from "./postgres-damages.ts";
import { ageSqliteTables, damageSqliteTables, findSqliteTables, removeSqliteRows } from "./sqlite-damages.ts";
import { type Experiment, tryDamages } from "./try-damages.ts";

/** What controls are run with, beside the drill's own context. */
export interface ControlTools {
  readonly keeper: CopyKeeper;
  /** One copy of a database for all queries: their damage is rolled back. It is removed when the controls are over. */
  sharedCopy(target: LiveTarget, signal: AbortSignal): Promise<TargetCopy>;
  /** Stops what the drill's programs left running; before an application is started on a copy, and after. */
  stopPrograms(signal: AbortSignal): Promise<void>;
}

/** Tries a check that has passed against data damaged on purpose. Rejects only when the signal aborts. */
export async function runControl(
  check: CompiledDrillCheck,
  context: DrillContext,
  tools: ControlTools,
  signal: AbortSignal,
): Promise<ControlOutcome> {
  const { kind } = check.control;
  if (kind === "none")
    return { kind, verdict: "none", reason: "no control is wanted, so it proves nothing", damages: [], proves: [] };
  try {
    return { kind, ...(await control(check, context, tools, signal)) };
  } catch (error) {
    signal.throwIfAborted();
    return { kind, verdict: "no_answer", reason: messageOf(error), damages: [], proves: [] };
  }
}

type Result = Omit<ControlOutcome, "kind">;

async function control(
  check: CompiledDrillCheck,
  context: DrillContext,
  tools: ControlTools,
  signal: AbortSignal,
): Promise<Result> {
  if (check.control.kind === "run") return controlByCommand(check, check.control.argv, context, tools, signal);
  if (check.type === "file_hash") return controlFileHash(check, context, tools, signal);
  if (check.type === "command" || check.type === "http") return controlProgram(check, context, tools, signal);
  return controlQuery(check, context, tools, signal);
}

function noAnswer(reason: string): Result {
  return { verdict: "no_answer", reason, damages: [], proves: [] };
}

async function controlQuery(
  check: Extract<CompiledDrillCheck, { type: "row_count" | "sql" | "freshness" }>,
  context: DrillContext,
  tools: ControlTools,
  signal: AbortSignal,
): Promise<Result> {
  const step = subjectOf(context, check);
  const copy = await tools.sharedCopy(targetOf(context, step.to), signal);
  const damages = await queryDamages(check, context, copy.target, signal);
  if (damages.length === 0) {
    const reason = "the query reads no table, so no damage can change its answer";
    return { verdict: "proves_nothing", reason, damages: [], proves: [] };
  }
  return tryDamages(experiment(check, context, [copy], [step.asset]), copy, damages, signal);
}

async function queryDamages(
  check: Extract<CompiledDrillCheck, { type: "row_count" | "sql" | "freshness" }>,
  context: DrillContext,
  copy: LiveTarget,
  signal: AbortSignal,
): Promise<Damage[]> {
  const database = databaseOf(copy);
  const postgres = database.type === "postgresql";
  if (check.control.kind === "drop_table") return [dropTableForQuery(copy, check.control.table)];
  if (check.type === "row_count") {
    const facts = context.snapshots.get(subjectOf(context, check).asset)?.facts;
    const expected = check.compare === "recorded" ? (recordedRows(facts, check.table) ?? 0) : check.compare.count;
    // Enough to leave the allowed range even from its upper end.
    const count = 2 * allowedRows(check, expected) + 1;
    const remove = postgres ? removePostgresRows(check.table, count) : removeSqliteRows(check.table, count);
    return [remove, dropTableForQuery(copy, check.table)];
  }
  const tables =
    database.type === "postgresql"
      ? await findPostgresTables(database, check.query, signal)
      : await findSqliteTables(database, check.query, signal);
  if (tables.length === 0) return [];
  if (check.type === "freshness") {
    const seconds = Math.ceil(check.maxAgeSeconds) + 86_400 * 1000;
    const aged =
      database.type === "postgresql"
        ? await agePostgresTables(database, tables, seconds, signal)
        : await ageSqliteTables(database, tables, seconds, signal);
    if (aged !== undefined) return [aged];
    const names = tables.join(", ").replaceAll('"', "");
    return [sqlDamage(`${names} emptied`, `truncate ${tables.join(", ")} cascade;`)];
  }
  return database.type === "postgresql"
    ? damagePostgresTables(database, tables, signal)
    : damageSqliteTables(database, tables, signal);
}

async function controlFileHash(
  check: Extract<CompiledDrillCheck, { type: "file_hash" }>,
  context: DrillContext,
  tools: ControlTools,
  signal: AbortSignal,
): Promise<Result> {
  if (check.control.kind === "drop_table") return noAnswer("drop_table is no damage to files");
  const step = subjectOf(context, check);
  const target = targetOf(context, step.to);
  if (target.type !== "directory") return noAnswer(`target ${target.id} is no directory`);
  const chosen = chooseControlFiles(context.samples.get(check.id) ?? [], context.ports.random);
  if (chosen === undefined) return noAnswer("the sample holds no file");
  const copy = await copyTarget(target, tools.keeper, signal, (to) =>
    copyFiles(target.machine, target.path, to, chosen.files, signal),
  );
  try {
    const samples = new Map([[check.id, chosen.files]]);
    const { ask } = experiment(check, { ...context, samples }, [copy], [step.asset]);
    return await tryDamages({ ask, proves: [step.asset] }, copy, [flipByte(chosen.victim.path)], signal);
  } finally {
    await copy.remove();
  }
}

/** A command or an application: it is given a damaged copy in the place of each target in turn. */
async function controlProgram(
  check: Extract<CompiledDrillCheck, { type: "command" | "http" }>,
  context: DrillContext,
  tools: ControlTools,
  signal: AbortSignal,
): Promise<Result> {
  const ids = programTargets(check, context);
  if (ids.length === 0) return { verdict: "proves_nothing", reason: unusedReason(check), damages: [], proves: [] };
  const results: Result[] = [];
  for (const id of ids) {
    const target = targetOf(context, id);
    const dropped = check.control.kind === "drop_table" ? [dropTableForGood(check.control.table)] : undefined;
    if (dropped !== undefined && target.type === "directory") continue;
    const copy = await copyTarget(target, tools.keeper, signal);
    try {
      const damages = dropped ?? (target.type === "directory" ? damageFolder() : damageDatabase());
      const proves = assetsProvedBy(check, context, id);
      results.push(await tryDamages(experiment(check, context, [copy], proves, tools), copy, damages, signal));
    } finally {
      if (check.type === "http") await tools.stopPrograms(signal);
      await copy.remove();
    }
  }
  return mergeResults(results);
}

function unusedReason(check: CompiledDrillCheck): string {
  return check.type === "http"
    ? `no run step with a target's {TARGET...} stands at "after", so no damage can reach the server; give it "control: { run: [...] }"`
    : `the command is given no target ({TARGET.path}, {TARGET.url_file}), so no damage can reach it; give it "control: { run: [...] }"`;
}

/** Targets that a program's check depends on: those in its own command, or in that of the step which starts the server. */
function programTargets(check: CompiledDrillCheck, context: DrillContext): string[] {
  if (check.type === "command") return targetsIn(check.run.command);
  const step = context.plan.steps.get(check.after);
  return check.type === "http" && step?.kind === "run" ? targetsIn(step.run.command) : [];
}

/** A target that holds several assets does not tell which of them the damage hit, unless the check comes after one of them. */
function assetsProvedBy(check: CompiledDrillCheck, context: DrillContext, targetId: string): string[] {
  const steps = context.plan.restores.filter((step) => step.to === targetId);
  const assets = new Set(steps.map((step) => step.asset));
  if (assets.size === 1) return [...assets];
  return steps.filter((step) => step.id === check.after).map((step) => step.asset);
}

/** `control: { run: [argv] }`: the owner's own damage, done to copies of all targets that it or the check is given. */
async function controlByCommand(
  check: CompiledDrillCheck,
  argv: readonly string[],
  context: DrillContext,
  tools: ControlTools,
  signal: AbortSignal,
): Promise<Result> {
  const subject = context.plan.subjects.get(check.id);
  const damaged = targetsIn(argv);
  const ids = new Set([...damaged, ...programTargets(check, context), ...(subject === undefined ? [] : [subject.to])]);
  if (damaged.length === 0) return noAnswer("the control's command is given no target ({TARGET.path}, {TARGET.url_file})");
  const copies: TargetCopy[] = [];
  try {
    for (const id of ids) copies.push(await copyTarget(targetOf(context, id), tools.keeper, signal));
    const proves = damaged.flatMap((id) => (subject?.to === id ? [subject.asset] : assetsProvedBy(check, context, id)));
    const trial = experiment(check, context, copies, proves, tools);
    const first = copies[0]!;
    const host = targetOf(context, damaged[0]!).host;
    const damage: Damage = {
      text: `the command "${argv[0] ?? ""}"`,
      async apply(copy) {
        const targets = replaceTargets(context, copies);
        const result = await runDrillCommand({ ...context, targets }, argv, host, signal);
        if (result.exit.status === 0) return copy;
        const words = context.mask(lastWords(result));
        throw new LifeboatError(
          "drill-control-failed",
          `the control's command failed on ${machineOf(context, host).name}: ${words}`,
        );
      },
    };
    return await tryDamages(trial, first, [damage], signal);
  } finally {
    if (check.type === "http") await tools.stopPrograms(signal);
    for (const copy of copies) await copy.remove();
  }
}

function replaceTargets(context: DrillContext, copies: readonly TargetCopy[]): ReadonlyMap<string, LiveTarget> {
  return new Map([...context.targets, ...copies.map(({ target }): [string, LiveTarget] => [target.id, target])]);
}

/** How to ask the check about copies instead of the real targets; an application is started anew on them. */
function experiment(
  check: CompiledDrillCheck,
  context: DrillContext,
  copies: readonly TargetCopy[],
  proves: readonly string[],
  tools?: ControlTools,
): Experiment {
  return {
    proves,
    async ask(copy, signal) {
      const targets = new Map([...replaceTargets(context, copies), [copy.id, copy] as const]);
      const damaged = { ...context, targets };
      const step = context.plan.steps.get(check.after);
      if (check.type === "http" && step?.kind === "run" && tools !== undefined) {
        await tools.stopPrograms(signal);
        const { status, output } = await runDetaching(damaged, step.id, step.run.command, step.run.host, signal);
        const last = output.trim().split("\n").at(-1)?.slice(0, 200) ?? "";
        if (status !== 0)
          throw new LifeboatError("drill-control-failed", `"${step.id}" did not start on the copy (exit ${status}) ${last}`);
      }
      return runCheck(check, damaged, signal);
    },
  };
}

function mergeResults(results: readonly Result[]): Result {
  const damages: TriedDamage[] = results.flatMap((result) => result.damages);
  const proves = [...new Set(results.flatMap((result) => result.proves))];
  const order = ["proved", "proves_nothing", "no_answer"] as const;
  const best = order
    .map((verdict) => results.find((result) => result.verdict === verdict))
    .find((result) => result !== undefined);
  if (best === undefined) return noAnswer("no target of the check can take this damage");
  return { verdict: best.verdict, reason: best.reason, damages, proves };
}
