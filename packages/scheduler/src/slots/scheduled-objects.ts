import type { CompiledConfig, CompiledSchedule, RunKind } from "@lifeboat/model";

/** One line of the timetable: what is due when. */
export interface ScheduledObject {
  readonly kind: RunKind;
  readonly object: string;
  readonly policy: string | null;
  readonly schedule: CompiledSchedule;
  /** Whose jitter it has: all assets of a policy share the policy's slots, so that a slot's runs form a group. */
  readonly jitterName: string;
}

/** Everything with a schedule of its own. Replication and forget follow backups instead (see follow-ups). */
export function scheduledObjects(config: CompiledConfig): ScheduledObject[] {
  const objects: ScheduledObject[] = [];
  for (const policy of config.policies.values()) {
    for (const asset of policy.assets) {
      objects.push({ kind: "backup", object: asset, policy: policy.name, schedule: policy.schedule, jitterName: policy.name });
    }
  }
  for (const { name, prune, check } of config.repositories.values()) {
    const add = (kind: RunKind, schedule: CompiledSchedule | undefined) => {
      if (schedule !== undefined) objects.push({ kind, object: name, policy: null, schedule, jitterName: name });
    };
    add("prune", prune?.schedule);
    add("check", check?.schedule);
  }
  for (const { name, schedule } of config.drills.values()) {
    if (schedule !== undefined) objects.push({ kind: "drill", object: name, policy: null, schedule, jitterName: name });
  }
  return objects.filter(({ schedule }) => schedule.when.kind !== "manual");
}

/** A busy night; after that nothing may stay behind backups for ever, checks least of all. */
const patienceMs = 6 * 3_600_000;

/**
 * What goes first when workers are short: people who wait, then what protects, then what tidies up. What has waited for six hours stands
 * in one line with the backups.
 */
export function priorityOf(kind: RunKind, waitedMs = 0): number {
  const { [kind]: usual, backup } = { restore: 1, backup: 10, drill: 15, replicate: 20, forget: 30, check: 40, prune: 50 };
  return waitedMs < patienceMs ? usual : Math.min(usual, backup);
}

/** Zone in which a run's slot is written. */
export function zoneOf(config: CompiledConfig, policy: string | null): string {
  const schedule = policy === null ? undefined : config.policies.get(policy)?.schedule;
  return schedule?.when.timezone ?? config.company.timezone;
}
