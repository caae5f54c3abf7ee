import type { Repository, Snapshot } from "@lifeboat/engine";
import { type CompiledRetention, findTimeJump, formatDuration, LifeboatError, type RetentionChoice } from "@lifeboat/model";
import type { JobContext } from "./job-context.ts";

export interface AgedChoice {
  /** The repository's. */
  readonly name: string;
  readonly asset: string;
  readonly retention: CompiledRetention;
  readonly choice: RetentionChoice<Snapshot>;
}

/** More than zones and daylight saving can explain is no drift. */
const maxSkewMs = 3_600_000;

/**
 * Before snapshots go because of their age: is the clock that says so to be trusted? Under a wrong one, one backup makes all others
 * old, and the next prune makes it final. Throws `clock-suspect`; nothing was forgotten then. Rules that only count ask no clock.
 */
export async function assertAgesAreTrusted(
  context: JobContext,
  repository: Repository,
  { name, asset, retention, choice }: AgedChoice,
): Promise<void> {
  if (retention.withinSeconds <= 0 || choice.remove.length === 0) return;
  const nowMs = context.clock.now();
  // A folder has none of its own and tells ours.
  const there = await repository.store.serverTime?.({ signal: context.signal });
  const skewMs = there === undefined ? 0 : there - nowMs;
  if (Math.abs(skewMs) > maxSkewMs) {
    const apart = `${formatDuration(Math.abs(skewMs) / 1000)} ${skewMs > 0 ? "behind" : "ahead of"}`;
    throw new LifeboatError(
      "clock-suspect",
      `this machine's clock is ${apart} that of repository ${name}, so ages of snapshots say nothing`,
      {
        hint: "Correct the clock of this machine, then run 'lifeboat doctor'.",
        context: { state: `nothing was forgotten in ${name}` },
      },
    );
  }
  const jump = findTimeJump(choice, retention, nowMs);
  if (jump === undefined) return;
  const within = formatDuration(retention.withinSeconds).replace(" ", "");
  const [last, first] = [jump.newestRemovedMs, jump.oldestKeptMs].map((ms) => new Date(ms).toISOString());
  throw new LifeboatError(
    "clock-suspect",
    `every snapshot of ${asset} in ${name} up to ${last} would go: the next one is of ${first}, more than ${within} later, and perhaps a clock was wrong`,
    {
      hint: `Look at this machine's clock. If it is right, run 'lifeboat snapshots forget --repo ${name} --asset ${asset} --keep-within ${within}', or wait: when newer backups cover half of ${within} it goes on by itself.`,
      context: { state: `nothing was forgotten in ${name}` },
    },
  );
}
