import type { DrillContext } from "./drill-context.ts";
import type { DrillLog } from "./drill-log.ts";
import type { DrillPlan } from "./plan/plan-drill.ts";
import type { DrillEvent, DrillOptions, DrillPorts, SelectedSnapshot } from "./ports.ts";
import type { Preflight } from "./preflight/preflight.ts";
import type { CreatedJournal } from "./provision/created-journal.ts";
import type { Provisioned } from "./provision/provision-targets.ts";
import type { DrillCause } from "./report/drill-report.ts";
import { maskSecrets } from "./report/mask-secrets.ts";

/** State of one run, shared by its phases. */
export interface DrillRun {
  readonly plan: DrillPlan;
  readonly ports: DrillPorts;
  readonly options: DrillOptions;
  readonly startedAtMs: number;
  readonly journal: CreatedJournal;
  readonly log: DrillLog;
  readonly causes: DrillCause[];
  readonly snapshots: Map<string, SelectedSnapshot>;
  readonly made: Provisioned;
  readonly secrets: Set<string>;
  preflight: Preflight | undefined;
  context: DrillContext | undefined;
  dataAgeSeconds: number | undefined;
}

/** Tells whoever watches; what a program said may hold a secret, so it is masked here as in the report. */
export function emit({ ports, secrets }: Pick<DrillRun, "ports" | "secrets">, event: Omit<DrillEvent, "atMs">): void {
  ports.progress?.({ ...event, detail: maskSecrets(secrets)(event.detail), atMs: ports.clock.now() });
}
