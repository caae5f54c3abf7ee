import { assetName } from "../run/names.ts";
import { worstGapSeconds } from "../schedule/worst-gap.ts";
import { type CompileContext, isMissing, resolveName, where } from "./compile-context.ts";
import { compileSchedule } from "./compile-schedule.ts";
import { compileSource, mergeSources } from "./compile-sources.ts";
import type { CompiledAsset, CompiledHost, CompiledPolicy, CompiledRetention } from "./compiled-config.ts";
import { placeText } from "./config-problem.ts";
import { type MapNode, nodeAt, plainOf } from "./config-tree.ts";
import { type PolicyInput, policyDefaults } from "./schema/policy-schema.ts";
import { formatDuration } from "./units.ts";

export const policyDefaultValues = {
  schedule: { jitter: "0s", catch_up: "once" },
  timeout: "12h",
  retry: { attempts: 3, backoff: "2m", max: "30m" },
};

export interface CompiledPolicyParts {
  readonly policy: CompiledPolicy | undefined;
  readonly assets: readonly CompiledAsset[];
  /** The sources as merged, for explain. */
  readonly sources: readonly MapNode[];
}

/** `node`: the policy after merging defaults and templates, without `extends`. */
export function compilePolicy(
  context: CompileContext,
  name: string,
  node: MapNode,
  hosts: ReadonlyMap<string, CompiledHost>,
): CompiledPolicyParts {
  const input = policyDefaults.parse(plainOf(node));
  const place = context.definitions.policies.get(name) ?? context.top;
  for (const key of ["hosts", "sources", "repository"]) {
    if (isMissing(node, key)) context.report({ code: "missing-key", message: `policy "${name}" needs "${key}"`, place });
  }
  const schedule = compileSchedule(context, input.schedule, node, ["schedule"]);
  const repository = resolveRepositories(context, name, node, input);
  const retention = compileRetention(context, name, node, input.retention);
  const hostNames = chooseHosts(context, name, node, input.hosts, hosts);
  checkObjective(context, node, input, schedule);

  const sources = mergeSources(name, node);
  const assets: CompiledAsset[] = [];
  const seen = new Set<string>();
  for (const sourceNode of sources) {
    const source = compileSource(context, name, sourceNode);
    if (source === undefined) continue;
    if (seen.has(source.name)) {
      const at = where(context, sourceNode, ["name"]);
      context.report({ code: "duplicate-name", message: `policy "${name}" has two sources "${source.name}"`, place: at });
      continue;
    }
    seen.add(source.name);
    for (const host of hostNames) assets.push({ name: assetName(host, source.name), host, policy: name, source });
  }
  if (repository === undefined) return { policy: undefined, assets, sources };
  const policy: CompiledPolicy = {
    name,
    hosts: hostNames,
    owner: input.owner,
    tier: input.tier,
    repository,
    replicate: { to: input.replicate?.to ?? [], maxLagSeconds: input.replicate?.max_lag },
    schedule,
    retention,
    objectives: {
      rpoSeconds: input.objectives?.rpo,
      rpoOffsiteSeconds: input.objectives?.rpo_offsite,
      rtoSeconds: input.objectives?.rto,
      drillEverySeconds: input.objectives?.drill_every,
      verifyEverySeconds: input.objectives?.verify_every,
    },
    timeoutSeconds: input.timeout ?? 12 * 3600,
    retry: {
      attempts: input.retry?.attempts ?? 3,
      backoffSeconds: input.retry?.backoff ?? 120,
      maxSeconds: input.retry?.max ?? 1800,
    },
    assets: assets.map((asset) => asset.name),
  };
  return { policy, assets, sources };
}

function resolveRepositories(context: CompileContext, name: string, node: MapNode, input: PolicyInput): string | undefined {
  input.replicate?.to?.forEach((to, index) => {
    const place = where(context, node, ["replicate", "to", index]);
    resolveName(context, "repositories", to, "repository", place);
    if (to === input.repository) {
      context.report({ code: "bad-reference", message: `policy "${name}" replicates from "${to}" to itself`, place });
    }
  });
  if (input.repository === undefined) return undefined;
  return resolveName(context, "repositories", input.repository, "repository", where(context, node, ["repository"]));
}

function compileRetention(
  context: CompileContext,
  name: string,
  node: MapNode,
  input: PolicyInput["retention"],
): CompiledRetention | undefined {
  if (input === undefined) return undefined;
  const { last = 0, hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0, within = 0 } = input;
  const retention = { last, hourly, daily, weekly, monthly, yearly, withinSeconds: within };
  if (Object.values(retention).every((value) => value === 0)) {
    const map = nodeAt(node, ["retention"]);
    if (map?.kind === "map" && map.pruned.size > 0) return undefined;
    context.report({
      code: "bad-value",
      message: `retention of policy "${name}" keeps nothing`,
      place: where(context, node, ["retention"], "key"),
      hint: "leave it out to keep everything",
    });
    return undefined;
  }
  return retention;
}

function chooseHosts(
  context: CompileContext,
  name: string,
  node: MapNode,
  input: PolicyInput["hosts"],
  hosts: ReadonlyMap<string, CompiledHost>,
): string[] {
  if (input === undefined) return [];
  if (Array.isArray(input)) {
    const known = input.filter((one, index) =>
      resolveName(context, "hosts", one, "host", where(context, node, ["hosts", index])),
    );
    return [...new Set(known)];
  }
  const chosen = [...hosts.values()].filter((host) => input.tags.every((tag) => host.tags.includes(tag)));
  if (chosen.length === 0) {
    const tags = input.tags.map((tag) => `"${tag}"`).join(" and ");
    const message = `policy "${name}" has no hosts: none is tagged ${tags}`;
    context.report({ code: "unknown-reference", message, place: where(context, node, ["hosts"]) });
  }
  return chosen.map((host) => host.name);
}

/** An objective that the schedule can never meet would be an alarm for ever. */
function checkObjective(context: CompileContext, node: MapNode, input: PolicyInput, schedule: CompiledPolicy["schedule"]): void {
  const rpo = input.objectives?.rpo;
  if (rpo === undefined) return;
  const rpoPlace = where(context, node, ["objectives", "rpo"]);
  const gap = worstGapSeconds(schedule, context.nowMs);
  if (gap === undefined) {
    const map = nodeAt(node, ["schedule"]);
    if (map?.kind === "map" && map.pruned.size > 0) return;
    const message = `rpo ${formatDuration(rpo)} is promised, but nothing is scheduled`;
    context.report({
      severity: "warning",
      code: "rpo-unreachable",
      message,
      place: rpoPlace,
      hint: "add schedule: { cron: ... }",
    });
    return;
  }
  const worst = gap + schedule.jitterSeconds;
  if (worst <= rpo) return;
  const key = schedule.when.kind === "cron" ? "cron" : "every";
  context.report({
    code: "rpo-unreachable",
    message: `rpo ${formatDuration(rpo)} can never be met by this schedule`,
    place: where(context, node, ["schedule", key]),
    hint:
      `longest gap ${formatDuration(gap)}${schedule.jitterSeconds > 0 ? ` + jitter ${formatDuration(schedule.jitterSeconds)}` : ""}` +
      ` = ${formatDuration(worst)}; rpo is set at ${placeText(rpoPlace)}`,
  });
}
