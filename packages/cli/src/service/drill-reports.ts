import type { DrillReport } from "@lifeboat/drill";
import type { CompiledConfig } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";
import type { Session } from "../session/session.ts";

/** Newest first: from the service's history, or with --here from the evidence in the repositories. */
export async function readDrillReports(
  session: Session,
  config: CompiledConfig,
  values: OptionValues,
  filter: { readonly drill?: string | undefined; readonly limit: number },
): Promise<readonly DrillReport[]> {
  if (values.flag("here")) {
    const { readRepositoryHistory } = await import("./read-run-records.ts");
    const { openJobContext } = await import("../session/open-job-context.ts");
    const { drills } = await readRepositoryHistory(session, openJobContext(session, { config, writes: false }), config);
    return drills.filter(({ drill }) => filter.drill === undefined || drill === filter.drill).slice(0, filter.limit);
  }
  const { openHistory } = await import("./history-file.ts");
  const { catalog } = await openHistory(session, config);
  try {
    const rows = await catalog.drillReports({ ...(filter.drill !== undefined && { drill: filter.drill }), limit: filter.limit });
    return rows.map(({ report }) => JSON.parse(report) as DrillReport);
  } finally {
    await catalog.close();
  }
}
