import { type Repository, type RestoreResult, restoreSnapshot, type Snapshot } from "@lifeboat/engine";
import {
  type ByteString,
  LifeboatError,
  type Machine,
  type Overwrite,
  type RestoreTarget,
  type TargetState,
} from "@lifeboat/model";
import type { JobContext } from "./job-context.ts";
import { findHost, openMachine } from "./open-machine.ts";
import { nothingVerified, type VerifyReport, verifyRestored } from "./verify-restored.ts";

export interface RestoreOrder {
  readonly repository: Repository;
  readonly snapshot: Snapshot;
  /** Absolute paths of the snapshot; empty: everything. */
  readonly include: readonly ByteString[];
  /** Of these only what fits, with all below; absolute paths. Undefined: all. */
  readonly isIncluded?: ((path: ByteString, isFolder: boolean) => boolean) | undefined;
  /** Left out with all below. */
  readonly isExcluded?: ((path: ByteString, isFolder: boolean) => boolean) | undefined;
  /** Host of the config; undefined: this machine. */
  readonly host: string | undefined;
  /** Folder on that machine. Restored paths lie below it with their full path. */
  readonly folder: ByteString;
  /** Read everything back and compare, after the restore. */
  readonly verify: "metadata" | "content";
  /** For a target that is not empty; undefined: it is refused. */
  readonly overwrite?: Overwrite | undefined;
  /** Compare by content what looks the same there. */
  readonly verifyExisting?: boolean | undefined;
  /** Only count what would be done. */
  readonly dryRun?: boolean | undefined;
  /** Called with what is there, before anything is written; throw to refuse. What it gives stands for `overwrite`. */
  readonly confirm?: ((state: TargetState, target: RestoreTarget) => Promise<Overwrite | undefined>) | undefined;
}

export interface RestoreOutcome extends RestoreResult {
  /** Owners and devices could be set there. */
  readonly root: boolean;
  readonly seconds: number;
  readonly verification: VerifyReport;
}

/**
 * Restores and then looks at what stands there. A target that is not empty is refused (`target-not-empty`) unless it was said what
 * happens to what is in it. Killed: what was restored stays, files that were to be replaced are the old or the new ones, the same order
 * with `if-changed` goes on; the repository is not touched.
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
  const { createRestoreTarget } = await import("@lifeboat/remote");
  const target = createRestoreTarget(machine, order.folder, { sudo });
  const state = await target.state(signal);
  const overwrite = order.confirm === undefined ? order.overwrite : await order.confirm(state, target);
  if (overwrite === undefined) refuseFull(state, target);
  const { repository, snapshot, include, isIncluded, isExcluded, verifyExisting = false, dryRun = false } = order;
  const root = state.root || sudo;
  const isFull = state.exists && !state.empty;
  const existing = isFull && overwrite !== undefined ? { overwrite, verify: verifyExisting, root } : undefined;
  await repository.loadIndex({ signal });
  const choice = { include, isIncluded, isExcluded };
  const result = await restoreSnapshot({ repository, snapshot, target, ...choice, existing, dryRun, clock, signal, progress });
  const verification = dryRun
    ? nothingVerified
    : await verifyRestored({ context, target, order, isRoot: root, plan: result.plan, exempt: result.exempt });
  return { ...result, root, verification, seconds: (clock.now() - started) / 1000 };
}

export function refuseFull(state: TargetState, target: RestoreTarget): void {
  if (!state.exists || state.empty) return;
  throw new LifeboatError("target-not-empty", `${target.name} is not empty; nothing was written`);
}
