import type { Catalog } from "@lifeboat/catalog";
import { type CompiledConfig, type Logger, ordinaryClockStepMs, retryRuleOf } from "@lifeboat/model";

/**
 * A run that waits for its next attempt for longer than anything lets one wait (its rule, or the half hour until a lock is asked for again)
 * was given back under a clock that was ahead: stores refuse
 * requests at a wrong time, so that is when attempts fail. Until that time has come it would hold back every slot of its object. It may go now.
 */
export async function hastenRetries(
  { config, catalog, logger }: { readonly config: CompiledConfig; readonly catalog: Catalog; readonly logger: Logger },
  nowMs: number,
): Promise<void> {
  for (const run of await catalog.openRuns()) {
    const longestMs = retryRuleOf(config, run).maxSeconds * 1000 + ordinaryClockStepMs;
    if (run.state !== "pending" || run.notBeforeMs <= nowMs + longestMs) continue;
    if (await catalog.hastenRun(run.id, run.attempt)) {
      logger.warn({ run: run.id, waited_for: new Date(run.notBeforeMs).toISOString() }, "the clock was ahead: a retry goes now");
    }
  }
}
