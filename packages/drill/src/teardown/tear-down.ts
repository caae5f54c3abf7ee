import { messageOf } from "@lifeboat/model";
import type { CreatedJournal } from "../provision/created-journal.ts";
import { describeCreated, type RemovalPorts, removeCreated } from "./remove-created.ts";

export interface RemovedThing {
  readonly what: string;
  readonly machine: string;
  /** `removed`: gone, and looked for. `kept`: on purpose. `left`: could not be removed. */
  readonly state: "removed" | "kept" | "left";
  readonly detail: string;
}

/** Removes everything in the journal, the last made first. Never rejects: what is left is told. */
export async function tearDown(journal: CreatedJournal, ports: RemovalPorts, signal: AbortSignal): Promise<RemovedThing[]> {
  const report: RemovedThing[] = [];
  const things = [...journal.things()].reverse();
  // Programs first: they hold files open and databases connected. Folders last: servers run in them.
  const order = ["programs", "postgres-database", "postgres-server", "tree"];
  things.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  for (const thing of things) {
    const line = { what: describeCreated(thing), machine: thing.host ?? "worker" };
    try {
      await removeCreated(thing, ports, signal);
      journal.forget(thing);
      report.push({ ...line, state: "removed", detail: "verified absent" });
    } catch (error) {
      report.push({ ...line, state: "left", detail: messageOf(error) });
    }
  }
  return report;
}

/** For `keep_on_failure`: programs are stopped by the caller, the data stays until the sweeper comes. */
export function listKept(journal: CreatedJournal, untilMs: number): RemovedThing[] {
  const until = new Date(untilMs).toISOString();
  return journal.things().map((thing) => ({
    what: describeCreated(thing),
    machine: thing.host ?? "worker",
    state: "kept",
    detail: `kept for diagnosis until ${until}, then swept`,
  }));
}
