import type { Catalog } from "@lifeboat/catalog";
import { type CompiledConfig, type Logger, retryRuleOf } from "@lifeboat/model";

/**
 * A run that waits for its next attempt for longer than its rule ever lets one wait was given back under a clock that was ahead: stores refuse
 * requests at a wrong time, so that is when attempts fail. Until that time has come it would hold back every slot of its object. It may go now.
 */
export async function hastenRetries(
  { config, catalog, logger }: { readonly config: CompiledConfig; readonly catalog: Catalog; readonly logger: Logger },
  nowMs: number,
): Promise<void> {
  for (const run of await catalog.openRuns()) {
    if (run.state !== "pending" || run.notBeforeMs <= nowMs + retryRuleOf(config, run).maxSeconds * 1000) continue;
    if (await catalog.hastenRun(run.id, run.attempt)) {
      logger.warn({ run: run.id, waited_for: new Date(run.notBeforeMs).toISOString() }, "the clock was ahead: a retry goes now");
    }
  }
}
