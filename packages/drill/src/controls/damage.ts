import type { LiveTarget } from "../targets.ts";

/** One harm done on purpose to a copy of a target. */
export interface Damage {
  /** In words, for the report: "one byte of /srv/a.jpg flipped". */
  readonly text: string;
  /** Does it, and gives the target as the check shall see it. Rejects when it could not be done. */
  apply(copy: LiveTarget, signal: AbortSignal): Promise<LiveTarget>;
}

/** Damage that is done and rolled back with each query; the copy itself stays whole. */
export function sqlDamage(text: string, statements: string): Damage {
  return {
    text,
    apply: async (copy) => {
      if (copy.type === "directory") throw new Error(`target ${copy.id} is no database`);
      return { ...copy, damage: statements };
    },
  };
}
