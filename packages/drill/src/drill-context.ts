import type { Machine } from "@lifeboat/model";
import type { DrillPlan } from "./plan/plan-drill.ts";
import type { DrillPorts, SampledFile, SelectedSnapshot } from "./ports.ts";
import type { LiveTarget } from "./targets.ts";

/** What the parts of one running drill share. */
export interface DrillContext {
  readonly plan: DrillPlan;
  readonly ports: DrillPorts;
  readonly declaredAtMs: number;
  /** The targets as restored; a control passes a map in which one of them is a damaged copy. */
  readonly targets: ReadonlyMap<string, LiveTarget>;
  /** By asset. */
  readonly snapshots: ReadonlyMap<string, SelectedSnapshot>;
  /** By check: drawn once, so that the control looks at the same files. */
  readonly samples: Map<string, readonly SampledFile[]>;
  /** The drill's private folder on a machine, by host. */
  readonly workFolders: ReadonlyMap<string | undefined, string>;
  readonly machines: ReadonlyMap<string | undefined, Machine>;
  /** Replaces every secret that the drill was given by `***`. */
  readonly mask: (text: string) => string;
}

export function machineOf(context: DrillContext, host: string | undefined): Machine {
  const machine = context.machines.get(host);
  if (machine === undefined) throw new Error(`machine of ${host ?? "the worker"} was not opened`);
  return machine;
}

export function workFolderOf(context: DrillContext, host: string | undefined): string {
  const folder = context.workFolders.get(host);
  if (folder === undefined) throw new Error(`work folder on ${host ?? "the worker"} was not made`);
  return folder;
}
