import { type CheckReport, checkRepository, type RepairIndexResult, repairIndex } from "@lifeboat/engine";
import { exitCodes } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf } from "../output/format-size.ts";
import { showProgress } from "../output/show-progress.ts";
import type { Session } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

/** `lifeboat repo repair index`. */
export async function repairIndexOf(session: Session, values: OptionValues): Promise<number> {
  const progress = showProgress(session, "repair");
  const { dryRun } = session;
  const opened = { lock: dryRun ? "none" : "exclusive", progress } as const;
  return withChosenRepository(session, values, opened, async ({ repository, context, lock }) => {
    const { signal, clock } = context;
    const readAllPacks = values.flag("read-all-packs");
    const beforeReplace = async () => lock?.assertHeld();
    const result = await repairIndex(repository, { readAllPacks, dryRun, beforeReplace, signal, clock, progress });
    session.output.status(undefined);
    const report = dryRun ? undefined : await checkRepository(repository, { readData: false, signal, clock, progress });
    session.output.status(undefined);
    if (session.json) await session.answer(answerOf(result, report, dryRun));
    else tell(session, result, report);
    return report !== undefined && report.errorCount > 0 ? exitCodes.checkFailed : exitCodes.passed;
  });
}

function answerOf(result: RepairIndexResult, report: CheckReport | undefined, dryRun: boolean) {
  return {
    message_type: "summary",
    dry_run: dryRun,
    packs_found: result.foundPacks,
    blobs_found: result.foundBlobs,
    packs_missing: result.missingPacks,
    packs_unreadable: result.unreadablePacks,
    index_files_damaged: result.damagedIndexFiles,
    index_files_replaced: result.replacedIndexFiles,
    index_files_stored: result.storedIndexFiles,
    ...(report !== undefined && { num_errors: report.errorCount, errors: report.errors }),
  };
}

const maxShown = 50;

function tell(session: Session, result: RepairIndexResult, report: CheckReport | undefined): void {
  const { foundPacks, foundBlobs, missingPacks, unreadablePacks, damagedIndexFiles } = result;
  const list = (lines: readonly string[]) => {
    for (const line of lines.slice(0, maxShown)) session.output.note(`  ${line}`);
    if (lines.length > maxShown) session.output.note(`  and ${lines.length - maxShown} more`);
  };
  list(damagedIndexFiles.map(({ detail }) => `! ${detail}`));
  list(missingPacks.map((id) => `! pack ${id} is in the index and not there`));
  list(unreadablePacks.map(({ detail }) => `! ${detail}`));
  if (foundPacks > 0) session.say(`  ${countOf(foundPacks, "pack")} read, with ${countOf(foundBlobs, "blob")}`);
  const isWhole = result.replacedIndexFiles + foundPacks === 0;
  if (report === undefined) {
    session.say(isWhole ? "the index names every pack that is there, and no other" : "Dry run: nothing was changed.");
    return;
  }
  session.say(
    isWhole
      ? "the index was whole: nothing to repair"
      : `✓ ${countOf(result.replacedIndexFiles, "index file")} replaced, ${result.storedIndexFiles} stored`,
  );
  if (report.errorCount === 0) {
    session.say(`✓ sound: ${countOf(report.snapshots, "snapshot")}, ${countOf(report.blobs, "blob")}`);
    return;
  }
  list(report.errors.map(({ kind, id, detail }) => `✗ ${kind} ${id}: ${detail}`));
  session.output.note(`✗ LOST: ${countOf(report.errorCount, "error")} that no index can repair`);
  session.output.note(
    "  next   back up again: what is still on the hosts is stored anew; then 'lifeboat repo repair snapshots' for the older ones",
  );
}
