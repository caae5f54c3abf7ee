import type { Repository } from "@lifeboat/engine";
import {
  type Clock,
  displayName,
  formatWithOffset,
  type HostFacts,
  isLifeboatError,
  messageOf,
  parseRunId,
  type RunKind,
  type RunRecord,
  type RunResult,
  type SourceProblem,
} from "@lifeboat/model";

/** What is known of a run before it begins. */
export interface RunOrder {
  readonly runId: string;
  readonly attempt: number;
  readonly policy: string | null;
  readonly timezone: string;
  /** Called right before the commit point; throws `job-fenced` when a newer attempt has taken over. */
  readonly fence?: (() => Promise<void>) | undefined;
}

export interface RunEnd {
  readonly result: RunResult;
  readonly repository?: string | undefined;
  readonly snapshot?: string | undefined;
  readonly figures?: Readonly<Record<string, number>>;
  readonly problems?: readonly SourceProblem[];
  readonly problemCount?: number;
  /** What the way of reading could not tell of the files. */
  readonly lost?: readonly string[];
  readonly host?: HostFacts | undefined;
  readonly cause?: string | undefined;
  readonly code?: string | undefined;
}

const maxProblemsInRecord = 50;

export function createRunRecord(order: RunOrder, startedMs: number, clock: Clock, end: RunEnd): RunRecord {
  const parts = parseRunId(order.runId);
  if (parts === undefined) throw new RangeError(`"${order.runId}" is no run id`);
  return {
    schema: "lifeboat.run/1",
    id: order.runId,
    kind: parts.kind satisfies RunKind,
    object: parts.object,
    policy: order.policy,
    slot: formatWithOffset(parts.slot, order.timezone),
    started: formatWithOffset(startedMs, order.timezone),
    ended: formatWithOffset(clock.now(), order.timezone),
    result: end.result,
    attempt: order.attempt,
    cause: end.cause ?? null,
    code: end.code ?? null,
    repository: end.repository ?? null,
    snapshot: end.snapshot ?? null,
    figures: end.figures ?? {},
    problems: (end.problems ?? [])
      .slice(0, maxProblemsInRecord)
      .map(({ path, kind, detail }) => ({ path: displayName(path), kind, detail })),
    problemCount: end.problemCount ?? end.problems?.length ?? 0,
    ...(end.lost !== undefined && end.lost.length > 0 && { lost: end.lost }),
    ...(end.host !== undefined && { host: end.host }),
  };
}

/** An error -> the end of its run. Cancelling is not failing. */
export function endOfError(error: unknown, signal: AbortSignal): RunEnd {
  if (signal.aborted) return { result: "cancelled", cause: messageOf(signal.reason ?? error), code: "cancelled" };
  return { result: "failed", cause: messageOf(error).slice(0, 2000), code: isLifeboatError(error) ? error.code : "bug" };
}

/** The record beside the snapshots, from which history can be rebuilt. Durable when it resolves. */
export async function saveRunRecord(repository: Repository, record: RunRecord): Promise<void> {
  await repository.saveSide("run", record);
}
