import type { RunRow } from "@lifeboat/catalog";
import type { CompiledConfig } from "@lifeboat/model";

const hourSeconds = 3600;
/** So long a drill may take after its own deadline, to remove what it has made. */
const teardownSeconds = hourSeconds;

/**
 * After so long a run is stopped: its policy's timeout, else one that no sound run needs. A prune that hangs would keep everybody else out
 * of its repository for ever. undefined: as long as it takes (a restore, on which a person looks).
 */
export function timeoutSecondsOf(config: CompiledConfig, run: Pick<RunRow, "kind" | "object" | "policy">): number | undefined {
  const ofPolicy = run.policy === null ? undefined : config.policies.get(run.policy)?.timeoutSeconds;
  if (ofPolicy !== undefined) return ofPolicy;
  switch (run.kind) {
    case "restore":
      return undefined;
    case "drill": {
      const deadline = config.drills.get(run.object)?.deadlineSeconds;
      return deadline === undefined ? 24 * hourSeconds : deadline + teardownSeconds;
    }
    case "check":
      // All data of a large repository over a limited line takes its days; a check keeps nobody out but prunes.
      return (config.repositories.get(run.object)?.check?.readData === true ? 14 * 24 : 24) * hourSeconds;
    case "prune":
      return 48 * hourSeconds;
    default:
      return 24 * hourSeconds;
  }
}
