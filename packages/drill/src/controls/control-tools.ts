import type { LiveTarget } from "../targets.ts";
import { type CopyKeeper, copyTarget, type TargetCopy } from "./copy-target.ts";
import type { ControlTools } from "./run-control.ts";

/** Tools for one drill's controls, with the copies that they share. `close` removes these. */
export function makeControlTools(
  keeper: CopyKeeper,
  stopPrograms: (signal: AbortSignal) => Promise<void>,
): ControlTools & { close(): Promise<void> } {
  const shared = new Map<string, TargetCopy>();
  return {
    keeper,
    stopPrograms,
    async sharedCopy(target: LiveTarget, signal: AbortSignal) {
      const known = shared.get(target.id);
      if (known !== undefined) return known;
      const copy = await copyTarget(target, keeper, signal);
      shared.set(target.id, copy);
      return copy;
    },
    async close() {
      for (const copy of shared.values()) await copy.remove();
    },
  };
}
