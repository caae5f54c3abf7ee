import type { Catalog, RunRow } from "@lifeboat/catalog";
import {
  type CompiledConfig,
  exitCodeOf,
  formatWithOffset,
  LifeboatError,
  messageOf,
  type RunKind,
  type RunRecord,
  worstResult,
} from "@lifeboat/model";
import { showRun } from "../output/show-run.ts";
import { byHandOrder } from "../session/by-hand-run.ts";
import type { Session } from "../session/session.ts";
import { openHistory } from "./history-file.ts";

export interface ServiceOrder {
  readonly kind: RunKind;
  readonly objects: readonly string[];
  readonly wait: boolean;
}

/** The scheduler beats every few seconds. */
const deadAfterMs = 60_000;
const lookEveryMs = 300;
/** A service that dies while its run is waited for must not be waited for in vain. */
const lookAtServiceEvery = 20;

/**
 * Records the runs as due now and waits until the service has settled them. The scheduler takes them from the history, so that
 * neither Redis nor this process may lose them: Ctrl-C leaves them to the service.
 */
export async function runThroughService(session: Session, config: CompiledConfig, order: ServiceOrder): Promise<number> {
  const { catalog } = await openHistory(session, config);
  try {
    await requireService(session, catalog, "nothing was changed");
    const ids: string[] = [];
    for (const object of order.objects) {
      const { runId, policy, timezone } = byHandOrder(session, config, order.kind, object);
      const slot = formatWithOffset(session.clock.now(), timezone);
      await catalog.recordPending({ id: runId, kind: order.kind, object, policy, slot, byHand: true });
      ids.push(runId);
      if (!order.wait) await (session.json ? session.answer({ job: runId }) : session.output.line(runId));
      else session.say(`${object}  handed to the service: ${runId}`);
    }
    if (!order.wait) return 0;
    const records: RunRecord[] = [];
    for (const id of ids) {
      const record = await waitFor(session, catalog, id);
      records.push(record);
      await showRun(session, record);
    }
    return exitCodeOf(worstResult(records.map(({ result }) => result)), order.kind);
  } finally {
    await catalog.close();
  }
}

async function requireService(session: Session, catalog: Catalog, state: string): Promise<void> {
  const beats = await catalog.beats();
  const now = session.clock.now();
  for (const program of ["scheduler", "worker"]) {
    const beat = beats.find((one) => one.program === program);
    if (beat !== undefined && now - beat.atMs < deadAfterMs) continue;
    const since = beat === undefined ? "has never run" : `has been silent for ${Math.round((now - beat.atMs) / 1000)} s`;
    throw new LifeboatError("control-plane-unreachable", `the ${program} ${since}`, {
      hint: "Start the service with 'lifeboat up', or add --here to do it in this process.",
      context: { state },
    });
  }
}

async function waitFor(session: Session, catalog: Catalog, id: string): Promise<RunRecord> {
  let shown = "";
  for (let look = 1; ; look++) {
    if (look % lookAtServiceEvery === 0)
      await requireService(session, catalog, "the history keeps the run until a service takes it");
    const row = await catalog.findRun(id);
    if (row?.record) return row.record;
    const text = describe(row);
    if (text !== shown) session.output.status(`${id}  ${text}`);
    shown = text;
    try {
      await session.clock.sleep(lookEveryMs, session.signal);
    } catch (error) {
      throw new LifeboatError("cancelled", `no longer waiting for ${id} (${messageOf(error)})`, {
        context: { state: "the service goes on with the run" },
        hint: `Look at it with 'lifeboat job show ${id}'.`,
      });
    }
  }
}

function describe(row: RunRow | undefined): string {
  if (row === undefined) return "unknown to the history";
  if (row.state === "pending")
    return row.attempt === 0 ? "waits for a worker" : `attempt ${row.attempt} failed (${row.cause}), it is tried again`;
  return `attempt ${row.attempt} runs on ${row.owner}`;
}
