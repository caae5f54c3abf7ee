import { type CompiledDrill, type CompiledDrillCheck, type CompiledDrillStep, LifeboatError } from "@lifeboat/model";
import { fillRun, targetsIn } from "./substitute.ts";

export type RestoreStep = Extract<CompiledDrillStep, { kind: "restore" }>;
export type RunStep = Extract<CompiledDrillStep, { kind: "run" }>;

export interface DrillPlan {
  readonly drill: CompiledDrill;
  /** Value of `{run}`. */
  readonly run: string;
  readonly steps: ReadonlyMap<string, CompiledDrillStep>;
  readonly restores: readonly RestoreStep[];
  /** The restore step whose data a data check reads, by the check's id. Command and http checks have none. */
  readonly subjects: ReadonlyMap<string, RestoreStep>;
  /** Every machine that is used; undefined is the worker. */
  readonly hosts: readonly (string | undefined)[];
}

/**
 * Resolves what a drill's parts name and holds the safety rules: only scratch hosts and the worker are touched, names hold
 * `{run}`. Rejects with drill-invalid that lists every fault.
 */
export function planDrill(
  drill: CompiledDrill,
  run: string,
  hostPurpose: (host: string) => "production" | "scratch" | undefined,
): DrillPlan {
  const faults: string[] = [];
  const steps = new Map(drill.steps.map((step) => [step.id, step]));
  const restores = drill.steps.filter((step) => step.kind === "restore");
  const ids = [...drill.steps, ...drill.checks].map((node) => node.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`id "${id}" is used twice`);
  for (const node of drill.steps) {
    for (const need of node.needs) if (!steps.has(need)) faults.push(`step "${node.id}" needs "${need}", which is no step`);
  }
  for (const check of drill.checks) {
    if (!steps.has(check.after)) faults.push(`check "${check.id}" comes after "${check.after}", which is no step`);
    for (const need of check.needs) if (!ids.includes(need)) faults.push(`check "${check.id}" needs "${need}", which is nothing`);
  }
  const cycle = findCycle(drill);
  if (cycle !== undefined) faults.push(`"${cycle}" needs itself, in a circle`);
  for (const step of restores) {
    if (!drill.targets.has(step.to)) faults.push(`step "${step.id}" restores to "${step.to}", which is no target`);
  }
  if (restores.length === 0) faults.push("no step restores anything");
  faults.push(
    ...unnamedTargets(drill),
    ...longDatabases(drill, run),
    ...unsafeHosts(drill, hostPurpose),
    ...unknownPlaceholders(drill),
  );

  const subjects = new Map<string, RestoreStep>();
  if (cycle === undefined) {
    for (const check of drill.checks) {
      if (check.type === "command" || check.type === "http") continue;
      const subject = findSubject(drill, steps, check);
      if (typeof subject === "string") faults.push(subject);
      else subjects.set(check.id, subject);
    }
  }
  if (faults.length > 0) {
    const unique = [...new Set(faults)];
    throw new LifeboatError("drill-invalid", `drill "${drill.name}": ${unique.join("; ")}`, { context: { drill: drill.name } });
  }
  return { drill, run, steps, restores, subjects, hosts: [...usedHosts(drill)] };
}

function usedHosts(drill: CompiledDrill): Set<string | undefined> {
  const hosts = new Set<string | undefined>();
  for (const target of drill.targets.values()) hosts.add(target.host);
  for (const step of drill.steps) if (step.kind === "run") hosts.add(step.run.host);
  for (const check of drill.checks) if (check.type === "command") hosts.add(check.run.host);
  if (drill.teardown.run !== undefined) hosts.add(drill.teardown.run.host);
  return hosts;
}

function unsafeHosts(drill: CompiledDrill, purpose: (host: string) => "production" | "scratch" | undefined): string[] {
  const faults: string[] = [];
  for (const host of usedHosts(drill)) {
    if (host === undefined || purpose(host) === "scratch") continue;
    const state = purpose(host) === undefined ? "is not in the configuration" : 'is not "purpose: scratch"';
    faults.push(`host "${host}" ${state}: a drill touches scratch hosts and the worker only`);
  }
  return faults;
}

function unnamedTargets(drill: CompiledDrill): string[] {
  const faults: string[] = [];
  for (const target of drill.targets.values()) {
    const name = target.type === "postgresql" ? target.database : target.path;
    // A throwaway server is the drill's own, so its databases cannot meet another drill's.
    if (target.type === "postgresql" && target.server.kind === "throwaway") continue;
    if (!name.includes("{run}")) faults.push(`target "${target.id}": "${name}" does not hold {run}`);
    if (target.type !== "postgresql" && (!name.startsWith("/") || /(^|\/)\.\.?(\/|$)|\0/.test(name) || name.endsWith("/"))) {
      faults.push(`target "${target.id}": "${name}" is not a plain absolute path`);
    }
    if (target.type !== "postgresql" && ownRoot(name, "x") === "/") faults.push(`target "${target.id}": "${name}" is the root`);
  }
  return faults;
}

/** PostgreSQL cuts longer names off by itself, the random end first: two runs would share a database. */
function longDatabases(drill: CompiledDrill, run: string): string[] {
  const faults: string[] = [];
  for (const target of drill.targets.values()) {
    if (target.type !== "postgresql") continue;
    const bytes = Buffer.byteLength(fillRun(target.database, run));
    if (bytes <= 63) continue;
    faults.push(`target "${target.id}": database "${target.database}" has ${bytes} bytes with {run} filled in, 63 are possible`);
  }
  return faults;
}

function unknownPlaceholders(drill: CompiledDrill): string[] {
  const faults: string[] = [];
  const commands: { where: string; argv: readonly string[]; host: string | undefined }[] = [];
  for (const step of drill.steps)
    if (step.kind === "run") commands.push({ where: `step "${step.id}"`, argv: step.run.command, host: step.run.host });
  for (const check of drill.checks) {
    if (check.type === "command") commands.push({ where: `check "${check.id}"`, argv: check.run.command, host: check.run.host });
  }
  for (const { where, argv, host } of commands) {
    if (argv.length === 0) faults.push(`${where} has an empty command`);
    for (const id of targetsIn(argv)) {
      const target = drill.targets.get(id);
      if (target === undefined) faults.push(`${where} names the target "${id}", which is none`);
      else if (target.host !== host && !(target.type === "postgresql" && target.server.kind === "given")) {
        faults.push(`${where} runs on ${host ?? "the worker"}, but its target "${id}" lies on ${target.host ?? "the worker"}`);
      }
    }
  }
  return faults;
}

/** The restore step whose data the check reads: its own `after`, else the only fitting one that `after` needs. */
function findSubject(
  drill: CompiledDrill,
  steps: ReadonlyMap<string, CompiledDrillStep>,
  check: CompiledDrillCheck,
): RestoreStep | string {
  const wanted = check.type === "file_hash" ? ["directory"] : ["postgresql", "sqlite"];
  const found = new Set<RestoreStep>();
  const seen = new Set<string>();
  const visit = (id: string): void => {
    const step = steps.get(id);
    if (step === undefined || seen.has(id)) return;
    seen.add(id);
    if (step.kind === "restore" && wanted.includes(drill.targets.get(step.to)?.type ?? "")) found.add(step);
    else for (const need of step.needs) visit(need);
  };
  visit(check.after);
  const [subject] = found;
  if (found.size === 1 && subject !== undefined) return subject;
  const count = found.size === 0 ? "no" : "more than one";
  return `check "${check.id}": ${count} restore into a ${wanted.join(" or ")} target at or before "${check.after}"`;
}

function findCycle(drill: CompiledDrill): string | undefined {
  const needs = new Map<string, readonly string[]>(drill.steps.map((step) => [step.id, step.needs]));
  for (const check of drill.checks) needs.set(check.id, [check.after, ...check.needs]);
  const done = new Set<string>();
  const open = new Set<string>();
  const visit = (id: string): string | undefined => {
    if (done.has(id)) return undefined;
    if (open.has(id)) return id;
    open.add(id);
    for (const need of needs.get(id) ?? []) {
      const found = visit(need);
      if (found !== undefined) return found;
    }
    open.delete(id);
    done.add(id);
    return undefined;
  };
  for (const id of needs.keys()) {
    const found = visit(id);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The topmost folder or file of a target's path that carries `{run}`: it is the drill's own and is removed as a whole. */
export function ownRoot(path: string, run: string): string {
  const parts = path.split("/");
  const own = parts.findIndex((part) => part.includes("{run}"));
  return fillRun(parts.slice(0, own < 0 ? parts.length : own + 1).join("/"), run) || "/";
}
