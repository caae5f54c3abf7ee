import type { CompiledDrillCheck } from "@lifeboat/model";
import { makeControlTools } from "./controls/control-tools.ts";
import type { CopyKeeper } from "./controls/copy-target.ts";
import { runControl } from "./controls/run-control.ts";
import { type DrillRun, emit } from "./drill-run.ts";
import type { CreatedThing } from "./provision/created-journal.ts";
import { removalPortsOf, stopPrograms } from "./teardown/finish-drill.ts";
import { removeCreated } from "./teardown/remove-created.ts";

/** Applications last: their controls stop the one that was recovered. */
const order: Record<CompiledDrillCheck["type"], number> = {
  row_count: 0,
  sql: 0,
  freshness: 0,
  file_hash: 0,
  command: 1,
  http: 2,
};

/** Tries each check that has passed against damaged copies, after the clock of the RTA has stopped. */
export async function runControls(run: DrillRun, signal: AbortSignal): Promise<void> {
  const { context, log } = run;
  if (context === undefined) return;
  const passed = new Set(log.checks.filter((check) => check.verdict === "passed").map((check) => check.id));
  const checks = run.plan.drill.checks.filter((check) => passed.has(check.id)).sort((a, b) => order[a.type] - order[b.type]);
  for (const check of checks) {
    log.endControl(check.id, {
      kind: check.control.kind,
      verdict: "no_answer",
      reason: "no time was left for it",
      damages: [],
      proves: [],
    });
  }
  const tools = makeControlTools(keepCopies(run), (s) => stopPrograms(run, s));
  try {
    for (const check of checks) {
      emit(run, { phase: "control", id: check.id, state: "started", detail: "" });
      const outcome = await runControl(check, context, tools, signal);
      log.endControl(check.id, outcome);
      const state = outcome.verdict === "proved" ? "passed" : outcome.verdict === "none" ? "skipped" : "inconclusive";
      emit(run, { phase: "control", id: check.id, state, detail: outcome.reason });
    }
  } finally {
    // What is still there is in the journal, and the teardown takes it.
    await tools.close().catch(() => {});
  }
}

function keepCopies(run: DrillRun): CopyKeeper {
  const { journal, plan } = run;
  let count = 0;
  return {
    run: plan.run,
    next: () => ++count,
    add: (thing) => journal.add(thing),
    disown: (thing) => journal.disown(thing),
    async remove(thing) {
      // Not the drill's signal: a copy also goes when the deadline is over.
      await removeCreated(thing, removalPortsOf(run), new AbortController().signal);
      journal.forget(thing);
    },
    databaseThing(target, database): CreatedThing | undefined {
      const compiled = plan.drill.targets.get(target.id);
      if (compiled?.type !== "postgresql" || compiled.server.kind !== "given") return undefined;
      const { address, port, password } = compiled.server;
      const thing = { host: target.host ?? null, kind: "postgres-database", database, target: target.id } as const;
      return { ...thing, address, port, user: target.server.user, password: password ?? null };
    },
  };
}
