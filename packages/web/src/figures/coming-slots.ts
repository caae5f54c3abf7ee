import { type CompiledConfig, nextSlot } from "@lifeboat/model";

export interface ComingSlot {
  readonly atMs: number;
  readonly kind: "backup" | "drill" | "check" | "prune";
  /** The policy's, drill's or repository's name. */
  readonly name: string;
}

/** The next due time of each schedule, soonest first. */
export function comingSlots(config: CompiledConfig, nowMs: number, limit: number): ComingSlot[] {
  const slots: ComingSlot[] = [];
  const add = (kind: ComingSlot["kind"], name: string, schedule: Parameters<typeof nextSlot>[0] | undefined) => {
    const atMs = schedule === undefined ? undefined : nextSlot(schedule, name, nowMs);
    if (atMs !== undefined) slots.push({ atMs, kind, name });
  };
  for (const policy of config.policies.values()) add("backup", policy.name, policy.schedule);
  for (const drill of config.drills.values()) add("drill", drill.name, drill.schedule);
  for (const repository of config.repositories.values()) {
    add("check", repository.name, repository.check?.schedule);
    add("prune", repository.name, repository.prune?.schedule);
  }
  return slots.sort((a, b) => a.atMs - b.atMs || a.name.localeCompare(b.name)).slice(0, limit);
}
