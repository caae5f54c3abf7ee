import { messageOf } from "@lifeboat/model";
import { type DrillRun, emit } from "../drill-run.ts";
import { withTimeout } from "../graph/with-timeout.ts";
import { lastWords } from "../machine/run-command.ts";
import { judgeRun } from "../report/build-report.ts";
import { runDrillCommand } from "../steps/run-drill-command.ts";
import { describeCreated, type RemovalPorts, stopMarked } from "./remove-created.ts";
import { serverOf } from "./sweep-leftovers.ts";
import { listKept, type RemovedThing, tearDown } from "./tear-down.ts";

const teardownSeconds = 900;

export interface Finish {
  readonly cancelled: boolean;
  readonly checkedAtMs: number;
  readonly endedAtMs: number;
  readonly teardown: readonly RemovedThing[];
}

export function removalPortsOf({ ports, made }: DrillRun): RemovalPorts {
  return {
    machine: (host) => ports.machine(host),
    async server(thing) {
      const target = made.targets.get(thing.target);
      return target?.type === "postgresql" ? target.server : serverOf(thing, ports.resolveSecret);
    },
  };
}

/** `teardown.run`, then an end to every program that still carries the drill's marker. */
export async function stopPrograms(run: DrillRun, signal: AbortSignal): Promise<void> {
  const { plan, context, ports, journal } = run;
  const command = plan.drill.teardown.run;
  if (command !== undefined && context !== undefined) {
    const result = await runDrillCommand(context, command.command, command.host, signal);
    // It may find nothing to stop; what counts is that nothing runs afterwards.
    if (result.exit.status !== 0)
      ports.logger.info({ drill: plan.drill.name }, `teardown.run: ${context.mask(lastWords(result))}`);
  }
  for (const thing of journal.things()) {
    if (thing.kind === "programs") await stopMarked(await ports.machine(thing.host ?? undefined), thing.run, signal);
  }
}

/** Removes what the drill made, or keeps it for diagnosis when that is wanted. Never rejects. */
export async function finishDrill(
  run: DrillRun,
  end: { readonly cancelled: boolean; readonly checkedAtMs: number },
): Promise<Finish> {
  const { ports, journal, plan, causes } = run;
  emit(run, { phase: "teardown", id: "teardown", state: "started", detail: "" });
  const never = new AbortController().signal;
  await withTimeout(ports.clock, teardownSeconds, "stopping the drill's programs", never, (signal) =>
    stopPrograms(run, signal),
  ).catch((error: unknown) => {
    causes.push({ kind: "warning", where: "teardown", reason: messageOf(error) });
  });
  const { outcome } = judgeRun(run, { ...end, teardown: [] });
  const keepSeconds = plan.drill.teardown.keepOnFailureSeconds;
  const keep = keepSeconds > 0 && (outcome === "failed" || outcome === "inconclusive");
  let teardown: RemovedThing[];
  if (keep) {
    const untilMs = ports.clock.now() + keepSeconds * 1000;
    await journal.postpone(untilMs);
    teardown = listKept(journal, untilMs);
  } else {
    teardown = await removeAll(run, never);
  }
  await journal.close({ remove: teardown.every((thing) => thing.state === "removed") });
  const left = teardown.filter((thing) => thing.state === "left").length;
  const detail = keep ? "kept for diagnosis" : left === 0 ? `${teardown.length} things removed, verified absent` : `${left} left`;
  emit(run, { phase: "teardown", id: "teardown", state: left === 0 ? "passed" : "failed", detail });
  return { ...end, endedAtMs: ports.clock.now(), teardown };
}

async function removeAll(run: DrillRun, never: AbortSignal): Promise<RemovedThing[]> {
  const { ports, journal, made } = run;
  try {
    return await withTimeout(ports.clock, teardownSeconds, "the teardown", never, async (signal) => {
      // Politely first; the journal's entry for the server then looks whether it is gone.
      for (const server of made.servers.values()) await server.stop().catch(() => {});
      return tearDown(journal, removalPortsOf(run), signal);
    });
  } catch (error) {
    const detail = messageOf(error);
    return journal
      .things()
      .map((thing) => ({ what: describeCreated(thing), machine: thing.host ?? "worker", state: "left", detail }));
  }
}
