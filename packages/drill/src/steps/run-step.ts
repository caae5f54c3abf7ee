import { type CompiledDrillStep, type ErrorCode, isLifeboatError, LifeboatError, messageOf } from "@lifeboat/model";
import { targetOf } from "../checks/run-check.ts";
import type { DrillContext } from "../drill-context.ts";
import type { RestoreStep, RunStep } from "../plan/plan-drill.ts";
import { formatBytes } from "../report/format-figures.ts";
import { runDetaching } from "./run-drill-command.ts";

export interface StepOutcome {
  readonly detail: string;
  readonly bytes: number;
  readonly output?: string;
}

/** Does one step. Rejects when it could not be done; `isBadData` tells a "no" from no answer. */
export async function runStep(step: CompiledDrillStep, context: DrillContext, signal: AbortSignal): Promise<StepOutcome> {
  if (step.kind === "wait") {
    await context.ports.clock.sleep(step.seconds * 1000, signal);
    return { detail: `waited ${step.seconds} s`, bytes: 0 };
  }
  return step.kind === "run" ? startProgram(step, context, signal) : restore(step, context, signal);
}

async function restore(step: RestoreStep, context: DrillContext, signal: AbortSignal): Promise<StepOutcome> {
  const { ports } = context;
  const target = targetOf(context, step.to);
  const snapshot = context.snapshots.get(step.asset);
  if (snapshot === undefined) throw new Error(`no snapshot of ${step.asset} was selected`);
  const { snapshotId } = snapshot;
  const what = `${step.asset}@${snapshotId.slice(0, 8)}`;
  if (target.type === "directory") {
    if (snapshot.kind !== "files") throw wrongTarget(step, snapshot.kind);
    const { files, bytes } = await ports.restoreFiles({
      snapshotId,
      asset: step.asset,
      paths: step.paths,
      machine: target.machine,
      folder: target.path,
      signal,
      progress: () => {},
    });
    return { detail: `${what} ${files} files, ${formatBytes(bytes)}`, bytes };
  }
  if (snapshot.kind !== target.type) throw wrongTarget(step, snapshot.kind);
  let bytes = 0;
  const dump = await ports.openDump({ snapshotId, asset: step.asset, signal });
  const counted = count(dump, (length) => {
    bytes += length;
  });
  try {
    if (target.type === "postgresql") {
      const { server, database } = target;
      await ports.loadPostgresDump(target.machine, { server, database, dump: counted, signal });
    } else {
      await ports.loadSqliteDump(target.machine, { path: target.path, dump: counted, signal });
    }
  } catch (error) {
    if (isRefusedDump(error)) throw new LifeboatError("drill-step-failed", messageOf(error), { cause: error });
    throw error;
  }
  return { detail: `${what} ${formatBytes(bytes)}`, bytes };
}

/** The database says no to what is in the dump; a server that cannot be reached says nothing about it. */
function isRefusedDump(error: unknown): boolean {
  const refused = isLifeboatError(error, "command-failed") || isLifeboatError(error, "target-failed");
  return refused && !/connection to server|could not connect|server closed the connection/i.test(messageOf(error));
}

async function* count(stream: AsyncIterable<Uint8Array>, add: (length: number) => void): AsyncIterable<Uint8Array> {
  for await (const bytes of stream) {
    add(bytes.length);
    yield bytes;
  }
}

function wrongTarget(step: RestoreStep, kind: string): LifeboatError {
  return new LifeboatError("drill-invalid", `step "${step.id}": ${step.asset} is ${kind}, which target "${step.to}" cannot take`);
}

async function startProgram(step: RunStep, context: DrillContext, signal: AbortSignal): Promise<StepOutcome> {
  const { status, output } = await runDetaching(context, step.id, step.run.command, step.run.host, signal);
  const program = step.run.command[0] ?? "";
  if (status === 0) return { detail: `"${program}" exit 0`, bytes: 0, output };
  const last = output.trim().split("\n").at(-1) ?? "";
  const words = last === "" ? "" : `: ${last.slice(0, 200)}`;
  if (status === null || status === 126 || status === 127) {
    throw new LifeboatError("drill-target-failed", `"${program}" could not be run (exit ${status ?? "by a signal"})${words}`);
  }
  throw new LifeboatError("drill-step-failed", `"${program}" ended with ${status}${words}`);
}

/**
 * Errors that say something about what is in the repository: the recovery does not work. All others (host down, no space,
 * no program) say nothing about it, and the drill is inconclusive.
 */
const badRepository: readonly string[] = [
  "repository-damaged",
  "snapshot-not-found",
  "path-not-found",
  "object-missing",
  "verification-failed",
  "dump-failed",
] satisfies (ErrorCode | "object-missing")[];

export function isBadRepository(error: unknown): boolean {
  return isLifeboatError(error) && badRepository.includes(error.code);
}

/** In a step, a program that says no to the data says it too: a dump that does not load, an application that does not start. */
export function isBadData(error: unknown): boolean {
  return isBadRepository(error) || isLifeboatError(error, "drill-step-failed");
}

/** One line for the report. */
export function causeOf(error: unknown): string {
  return messageOf(error).slice(0, 500);
}
