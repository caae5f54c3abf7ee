import { type Catalog, type RunRow, scheduleKey } from "@lifeboat/catalog";
import type { RunQueue } from "@lifeboat/queue";
import { priorityOf } from "../slots/scheduled-objects.ts";

/**
 * Puts into the queue what the catalog has pending and the queue does not know: new runs, retries whose time has come, and
 * everything after Redis was lost. Of each object the oldest alone, and none while one of it is at work, so that a second
 * worker is not kept busy with refusals. What has waited long comes nearer to the front.
 * Reading the catalog first and the queue second may put in a run that has just ended: its claim is refused then.
 */
export async function feedQueue(
  { catalog, queue }: { readonly catalog: Catalog; readonly queue: RunQueue },
  nowMs: number,
): Promise<number> {
  const heads = headsOf(await catalog.openRuns(), nowMs);
  if (heads.length === 0) return 0;
  const known = await queue.jobIds();
  let count = 0;
  for (const run of heads) {
    const { id: runId, kind, object, policy, slotMs: slot } = run;
    const priority = priorityOf(kind, nowMs - Math.max(slot, run.notBeforeMs));
    if (known.has(runId)) {
      if (priority < priorityOf(kind)) await queue.raise(runId, priority);
      continue;
    }
    if (await queue.enqueue({ runId, kind, object, policy, slot, priority })) count++;
  }
  return count;
}

/** Open runs come with the oldest slot first. */
function headsOf(open: readonly RunRow[], nowMs: number): RunRow[] {
  const heads: RunRow[] = [];
  for (const runs of Map.groupBy(open, scheduleKey).values()) {
    if (runs.some(({ state }) => state === "running")) continue;
    const head = runs.find(({ notBeforeMs }) => notBeforeMs <= nowMs);
    if (head !== undefined) heads.push(head);
  }
  return heads;
}
