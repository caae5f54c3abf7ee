import { describePrunePlan } from "@lifeboat/engine";
import { runPrune } from "@lifeboat/jobs";
import { exitCodes, LifeboatError, parseRatio } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { formatBytes } from "../output/format-size.ts";
import { showProgress } from "../output/show-progress.ts";
import { runSummary } from "../output/show-run.ts";
import { byHandOrder, runObjectOf } from "../session/by-hand-run.ts";
import { chooseRepository } from "../session/choose-repository.ts";
import { openJobContext } from "../session/open-job-context.ts";
import { confirm, type Session } from "../session/session.ts";

export const repoPrune: CommandSpec = {
  repository: true,
  writes: true,
  options: [
    { flags: "--max-unused <SHARE>", description: "share of unneeded data that may stay", default: "5%" },
    { flags: "--yes", description: "do not ask" },
  ],
  examples: [
    { command: "lifeboat repo prune --repo main --dry-run", does: "what would be removed" },
    { command: "lifeboat repo prune --repo main", does: "show the plan, ask, do it" },
  ],
  details: "Holds the exclusive lock: backups wait. Killed at any moment, every snapshot still restores.",
  run: pruneOne,
};

async function pruneOne(session: Session, values: OptionValues): Promise<number> {
  const { config, choice } = await chooseRepository(session, values);
  const share = values.text("max-unused") ?? "5%";
  const maxUnusedRatio = parseRatio(share);
  if (maxUnusedRatio === undefined || maxUnusedRatio > 1)
    throw new LifeboatError("usage", `--max-unused "${share}" is no share like 5%`);
  const context = openJobContext(session, { config, writes: true, progress: showProgress(session, "prune") });
  const order = byHandOrder(session, config, "prune", runObjectOf(choice));
  const { record, error, plan } = await runPrune(context, {
    ...order,
    repository: choice,
    maxUnusedRatio,
    dryRun: session.dryRun,
    confirm: async (made) => {
      session.output.status(undefined);
      for (const line of describePrunePlan(made)) session.say(`  ${line}`);
      const isNothing = made.remove.length + made.repack.length + made.unindexed.length + made.missing.length === 0;
      if (!isNothing) await confirm(session, "Remove this?", values.flag("yes"));
    },
  });
  session.output.status(undefined);
  if (error !== undefined) throw error;
  if (session.dryRun && plan !== undefined) for (const line of describePrunePlan(plan)) session.say(`  ${line}`);
  if (session.json) await session.answer({ ...runSummary(record), plan: plan === undefined ? null : planObject(plan) });
  else if (session.dryRun) session.say("Dry run: nothing was removed.");
  else {
    const freed = `about ${formatBytes(record.figures.bytes_freed ?? 0)} freed`;
    if (record.result === "passed") session.say(`✓ pruned, ${freed}`);
    else session.output.note(`! pruned in part, ${freed}: ${record.cause}`);
  }
  return record.result === "passed" ? exitCodes.passed : exitCodes.incomplete;
}

function planObject({
  remove,
  repack,
  unindexed,
  keptPacks,
  usedBytes,
  unusedBytes,
  unusedBytesAfter,
  freedBytes,
}: NonNullable<Awaited<ReturnType<typeof runPrune>>["plan"]>) {
  return {
    packs_to_remove: remove.length,
    packs_to_repack: repack.length,
    packs_without_index: unindexed.length,
    packs_kept: keptPacks,
    bytes_used: usedBytes,
    bytes_unused: unusedBytes,
    bytes_unused_after: unusedBytesAfter,
    bytes_freed: freedBytes,
  };
}
