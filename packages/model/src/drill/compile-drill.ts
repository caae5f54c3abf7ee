import { byteString } from "../bytes/byte-string.ts";
import { type CompileContext, isMissing, resolveName, secretReference, where } from "../config/compile-context.ts";
import { compileSchedule } from "../config/compile-schedule.ts";
import type {
  CompiledAsset,
  CompiledDrill,
  CompiledDrillCommand,
  CompiledDrillStep,
  CompiledDrillTarget,
  CompiledHost,
  CompiledPolicy,
} from "../config/compiled-config.ts";
import { type ConfigPath, type MapNode, plainOf } from "../config/config-tree.ts";
import {
  type DrillCommandInput,
  type DrillInput,
  type DrillStepInput,
  type DrillTargetInput,
  drill,
} from "../config/schema/drill-schema.ts";
import { checkDrillOrder } from "./check-drill-order.ts";
import { compileDrillCheck } from "./compile-drill-check.ts";

/** What a drill may refer to; undefined: not known, so not checked (a drill file without a configuration). */
export interface DrillSurroundings {
  readonly hosts: ReadonlyMap<string, CompiledHost> | undefined;
  readonly assets: ReadonlyMap<string, CompiledAsset> | undefined;
  readonly policies: ReadonlyMap<string, CompiledPolicy>;
  readonly repositoriesKnown: boolean;
}

export interface DrillContext extends CompileContext {
  readonly drillName: string;
  readonly node: MapNode;
  readonly around: DrillSurroundings;
}

const defaultDeadlineSeconds = 4 * 3600;

/** `text`: the definition as written. undefined when something that must be there is not; that has been reported then. */
export function compileDrill(
  outer: CompileContext,
  name: string,
  node: MapNode,
  text: string,
  around: DrillSurroundings,
): CompiledDrill | undefined {
  const context: DrillContext = { ...outer, drillName: name, node, around };
  const input = drill.parse(plainOf(node));
  for (const key of ["targets", "steps", "checks"]) {
    if (!isMissing(node, key)) continue;
    const place = context.definitions.drills.get(name) ?? context.top;
    context.report({ code: "missing-key", message: `drill "${name}" needs "${key}"`, place });
  }
  const deadlineSeconds = input.deadline ?? defaultDeadlineSeconds;
  const targets = new Map<string, CompiledDrillTarget>();
  for (const [id, target] of Object.entries(input.targets ?? {})) targets.set(id, compileTarget(context, id, target));
  const steps = (input.steps ?? []).flatMap((step, index) => compileStep(context, step, index, input, deadlineSeconds));
  const checks = (input.checks ?? []).flatMap((check, index) => compileDrillCheck(context, check, index, input));
  checkDrillOrder(context, input, steps, checks);
  const teardownRun = input.teardown?.run && compileCommand(context, input.teardown.run, ["teardown", "run"], input);
  return {
    name,
    description: input.description,
    owner: input.owner,
    schedule: input.schedule && compileSchedule(context, input.schedule, node, ["schedule"]),
    snapshot: { from: resolveFrom(context, input), pick: compilePick(context, input) },
    objectives: {
      rtoSeconds: input.objectives?.rto ?? strictest(around, steps, "rtoSeconds"),
      rpoSeconds: input.objectives?.rpo ?? strictest(around, steps, "rpoSeconds"),
    },
    deadlineSeconds,
    targets,
    steps,
    checks,
    teardown: { keepOnFailureSeconds: input.teardown?.keep_on_failure ?? 0, run: teardownRun },
    text,
  };
}

function resolveFrom(context: DrillContext, input: DrillInput): string | undefined {
  const from = input.snapshot?.from;
  if (from === undefined || !context.around.repositoriesKnown) return from;
  return resolveName(context, "repositories", from, "repository", where(context, context.node, ["snapshot", "from"]));
}

function compilePick(context: DrillContext, input: DrillInput): CompiledDrill["snapshot"]["pick"] {
  const snapshot = input.snapshot ?? {};
  const needs = { latest: undefined, random: "within", before: "time" } as const;
  const pick = snapshot.pick ?? "latest";
  const place = where(context, context.node, ["snapshot", "pick"]);
  for (const key of ["within", "time"] as const) {
    if (key === needs[pick] && snapshot[key] === undefined) {
      context.report({ code: "missing-key", message: `pick: ${pick} needs "${key}"`, place });
    }
    if (key !== needs[pick] && snapshot[key] !== undefined) {
      const at = where(context, context.node, ["snapshot", key], "key");
      context.report({ code: "bad-value", message: `"${key}" means nothing with pick: ${pick}`, place: at });
    }
  }
  if (pick === "random" && snapshot.within !== undefined) return { kind: "random", withinSeconds: snapshot.within };
  if (pick === "before" && snapshot.time !== undefined) return { kind: "before", time: snapshot.time };
  return { kind: "latest" };
}

function strictest(
  around: DrillSurroundings,
  steps: readonly CompiledDrillStep[],
  objective: "rtoSeconds" | "rpoSeconds",
): number | undefined {
  let least: number | undefined;
  for (const step of steps) {
    if (step.kind !== "restore") continue;
    const policy = around.policies.get(around.assets?.get(step.asset)?.policy ?? "");
    const seconds = policy?.objectives[objective];
    if (seconds !== undefined && (least === undefined || seconds < least)) least = seconds;
  }
  return least;
}

/** A drill writes, starts and stops things: never on a host that is not scratch on purpose. */
export function resolveScratchHost(
  context: DrillContext,
  name: string | undefined,
  path: ConfigPath,
  what: string,
): string | undefined {
  if (name === undefined || context.around.hosts === undefined) return name;
  const place = where(context, context.node, path);
  if (resolveName(context, "hosts", name, "host", place) === undefined) return name;
  if (context.around.hosts.get(name)?.purpose === "scratch") return name;
  const scratch = [...context.around.hosts.values()].filter((host) => host.purpose === "scratch").map((host) => host.name);
  context.report({
    code: "target-not-scratch",
    message: `${what} on "${name}" is a production host`,
    place,
    hint: `only hosts with purpose: scratch may be written to: ${scratch.length === 0 ? "there is none" : scratch.join(", ")}`,
  });
  return name;
}

function compileTarget(context: DrillContext, id: string, target: DrillTargetInput): CompiledDrillTarget {
  const path = ["targets", id];
  const host = resolveScratchHost(context, target.host, [...path, "host"], "drill target");
  const needRun = (value: string, key: string) => {
    if (value.includes("{run}")) return;
    context.report({
      code: "target-without-run",
      message: `target "${id}" would write to the fixed ${key} "${value}"`,
      place: where(context, context.node, [...path, key]),
      hint: 'put "{run}" into it, so that no drill meets what another left',
    });
  };
  if (target.type === "directory") {
    needRun(target.path, "path");
    return { id, host, type: "directory", path: target.path, minFreeBytes: target.min_free ?? 0 };
  }
  if (target.type === "sqlite") {
    needRun(target.path, "path");
    return { id, host, type: "sqlite", path: target.path };
  }
  const server = target.server ?? "throwaway";
  const database = target.database ?? "drill_{run}";
  if (server === "throwaway") return { id, host, type: "postgresql", server: { kind: "throwaway" }, database };
  needRun(database, "database");
  const address = server.address ?? "127.0.0.1";
  const owner = [...(context.around.hosts?.values() ?? [])].find(
    (one) => one.purpose !== "scratch" && (one.address === address || one.name === address),
  );
  if (owner !== undefined) {
    const place = where(context, context.node, [...path, "server", "address"]);
    context.report({
      code: "target-not-scratch",
      message: `drill target at "${address}" is the production host "${owner.name}"`,
      place,
    });
  }
  const given = { address, port: server.port ?? 5432, user: server.user, password: secretReference(server.password) };
  return { id, host, type: "postgresql", server: { kind: "given", ...given }, database };
}

function compileStep(
  context: DrillContext,
  step: DrillStepInput,
  index: number,
  input: DrillInput,
  deadlineSeconds: number,
): CompiledDrillStep[] {
  const path: ConfigPath = ["steps", index];
  const common = { id: step.id, needs: step.needs ?? [], timeoutSeconds: step.timeout ?? deadlineSeconds };
  const kinds = (["restore", "run", "wait"] as const).filter((key) => step[key] !== undefined);
  if (kinds.length !== 1) {
    const found = kinds.length === 0 ? "none" : kinds.join(" and ");
    const place = where(context, context.node, [...path, "id"]);
    context.report({ code: "bad-value", message: `step "${step.id}" needs one of restore, run or wait, it has ${found}`, place });
    return [];
  }
  if (step.wait !== undefined) return [{ ...common, kind: "wait", seconds: step.wait }];
  if (step.run !== undefined)
    return [{ ...common, kind: "run", run: compileCommand(context, step.run, [...path, "run"], input) }];
  const { asset, to, paths } = step.restore!;
  if (context.around.assets !== undefined) {
    resolveName(context, "assets", asset, "asset", where(context, context.node, [...path, "restore", "asset"]));
  }
  return [{ ...common, kind: "restore", asset, to, paths: (paths ?? []).map((one) => byteString(one)) }];
}

function compileCommand(
  context: DrillContext,
  input: DrillCommandInput,
  path: ConfigPath,
  drillInput: DrillInput,
): CompiledDrillCommand {
  return {
    host: resolveScratchHost(context, input.host, [...path, "host"], "drill command"),
    command: checkPlaceholders(context, input.command, [...path, "command"], drillInput),
  };
}

/** "{pg.url_file}" names a target; a word that names none would reach the program as it stands. */
export function checkPlaceholders(
  context: DrillContext,
  argv: readonly string[],
  path: ConfigPath,
  input: DrillInput,
): readonly string[] {
  argv.forEach((argument, index) => {
    for (const [, id = ""] of argument.matchAll(/\{([a-z0-9][a-z0-9._-]*)\.(path|url_file|database|port)\}/g)) {
      if (input.targets === undefined || id in input.targets) continue;
      const place = where(context, context.node, [...path, index]);
      context.report({
        code: "unknown-reference",
        message: `target "${id}" is not defined in drill "${context.drillName}"`,
        place,
      });
    }
  });
  return argv;
}
