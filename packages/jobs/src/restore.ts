import { type Repository, type RestoreResult, restoreSnapshot, type Snapshot } from "@lifeboat/engine";
import { type ByteString, LifeboatError, type Machine, type RestoreTarget, type TargetState } from "@lifeboat/model";
import { createRestoreTarget } from "@lifeboat/remote";
import type { JobContext } from "./job-context.ts";
import { findHost, openMachine } from "./open-machine.ts";
import { type VerifyReport, verifyRestored } from "./verify-restored.ts";

export interface RestoreOrder {
  readonly repository: Repository;
  readonly snapshot: Snapshot;
  /** Absolute paths of the snapshot; empty: everything. */
  readonly include: readonly ByteString[];
  /** Host of the config; undefined: this machine. */
  readonly host: string | undefined;
  /** Folder on that machine. Restored paths lie below it with their full path. */
  readonly folder: ByteString;
  /** Read everything back and compare, after the restore. */
  readonly verify: "metadata" | "content";
  /** Called with what is there, before anything is written; throw to refuse. */
  readonly confirm?: ((state: TargetState, target: RestoreTarget) => Promise<void>) | undefined;
}

export interface RestoreOutcome extends RestoreResult {
  readonly seconds: number;
  readonly verification: VerifyReport;
}

/**
 * Restores and then looks at what stands there. Refuses a target that is not empty (`target-not-empty`) unless `confirm` lets it:
 * even then no existing file is overwritten. Killed: what was restored stays, the repository is not touched.
 */
export async function runRestore(context: JobContext, order: RestoreOrder): Promise<RestoreOutcome> {
  const started = context.clock.now();
  const machine = await openMachine(context, order.host);
  try {
    return await restoreOn(context, order, machine, started);
  } finally {
    await machine.close();
  }
}

async function restoreOn(context: JobContext, order: RestoreOrder, machine: Machine, started: number): Promise<RestoreOutcome> {
  const { clock, signal, progress } = context;
  const sudo = order.host === undefined ? false : findHost(context, order.host).sudo;
  const target = createRestoreTarget(machine, order.folder, { sudo });
  const state = await target.state(signal);
  if (order.confirm !== undefined) await order.confirm(state, target);
  else refuseFull(state, target);
  const { repository, snapshot, include } = order;
  await repository.loadIndex({ signal });
  const result = await restoreSnapshot({ repository, snapshot, target, include, clock, signal, progress });
  const verification = await verifyRestored({ context, machine, sudo, order, isRoot: state.root || sudo, lost: result.lost });
  return { ...result, verification, seconds: (clock.now() - started) / 1000 };
}

export function refuseFull(state: TargetState, target: RestoreTarget): void {
  if (!state.exists || state.empty) return;
  throw new LifeboatError("target-not-empty", `${target.name} is not empty; nothing was written`);
}
