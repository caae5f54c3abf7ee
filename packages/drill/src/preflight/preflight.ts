import { type CompiledDrillTarget, LifeboatError, type Machine } from "@lifeboat/model";
import { clockSkewSeconds, freeBytes, pathExists } from "../machine/path-tools.ts";
import { type DrillPlan, ownRoot } from "../plan/plan-drill.ts";
import { fillRun } from "../plan/substitute.ts";
import type { DrillPorts, SelectedSnapshot } from "../ports.ts";
import { formatBytes } from "../report/format-figures.ts";

export interface Preflight {
  readonly machines: ReadonlyMap<string | undefined, Machine>;
  /** Seconds by which a machine's clock is ahead, by its name. */
  readonly skewSeconds: ReadonlyMap<string, number>;
  readonly snapshots: ReadonlyMap<string, SelectedSnapshot>;
}

/** Everything that can be known to go wrong before anything is made. Rejects with the first reason. */
export async function runPreflight(
  plan: DrillPlan,
  ports: DrillPorts,
  declaredAtMs: number,
  snapshots: Map<string, SelectedSnapshot>,
  signal: AbortSignal,
): Promise<Preflight> {
  const machines = new Map<string | undefined, Machine>();
  const skewSeconds = new Map<string, number>();
  for (const host of plan.hosts) {
    const machine = await ports.machine(host);
    machines.set(host, machine);
    skewSeconds.set(machine.name, await clockSkewSeconds(machine, () => ports.clock.now(), signal));
  }
  for (const asset of new Set(plan.restores.map((step) => step.asset))) {
    const options = { declaredAtMs, random: ports.random, signal };
    snapshots.set(asset, await ports.selectSnapshot(asset, plan.drill.snapshot, options));
  }
  for (const target of plan.drill.targets.values()) {
    const machine = machines.get(target.host);
    if (machine === undefined || target.type === "postgresql") continue;
    await lookAtPlace(plan, target, machine, snapshots, signal);
  }
  return { machines, skewSeconds, snapshots };
}

async function lookAtPlace(
  plan: DrillPlan,
  target: Exclude<CompiledDrillTarget, { type: "postgresql" }>,
  machine: Machine,
  snapshots: ReadonlyMap<string, SelectedSnapshot>,
  signal: AbortSignal,
): Promise<void> {
  const root = ownRoot(target.path, plan.run);
  if (await pathExists(machine, root, signal)) {
    throw new LifeboatError(
      "drill-target-failed",
      `${root} on ${machine.name} is there already; a drill writes to new places only`,
    );
  }
  const path = fillRun(target.path, plan.run);
  const free = await freeBytes(machine, path, signal);
  // A part of an asset has no known size beforehand; `min_free` is for that.
  const whole = plan.restores.filter((step) => step.to === target.id && step.paths.length === 0);
  const needed = whole.reduce((bytes, step) => bytes + (snapshots.get(step.asset)?.sizeBytes ?? 0), 0);
  const wanted = Math.max(needed, target.type === "directory" ? target.minFreeBytes : 0);
  if (free >= wanted) return;
  const figures = `${formatBytes(free)} free, ${formatBytes(wanted)} needed`;
  throw new LifeboatError(
    "drill-target-failed",
    `too little space for target "${target.id}" at ${path} on ${machine.name}: ${figures}`,
  );
}
