import type { ReadDataChoice } from "@lifeboat/engine";
import { runCheck } from "@lifeboat/jobs";
import { displayName, exitCodes, isLifeboatError, LifeboatError, parseRatio, parseSize } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { countOf, formatBytes } from "../output/format-size.ts";
import { formatSpan } from "../output/format-time.ts";
import { showProgress } from "../output/show-progress.ts";
import { runSummary, secondsOf } from "../output/show-run.ts";
import { byHandOrder, runObjectOf } from "../session/by-hand-run.ts";
import { chooseRepository } from "../session/choose-repository.ts";
import { openJobContext } from "../session/open-job-context.ts";
import type { Session } from "../session/session.ts";

export const repoCheck: CommandSpec = {
  repository: true,
  options: [
    { flags: "--read-data", description: "read every byte, not only structure and sizes" },
    { flags: "--read-data-subset <SHARE>", description: "read part 1/5 of the packs, a random 2.5% of them, or about 500MiB" },
    { flags: "--with-cache", description: "believe what this machine keeps of index, snapshots and folders: fewer requests" },
    { flags: "--no-lock", description: "for a repository that can only be read: neither a lock nor a record is stored" },
  ],
  examples: [
    { command: "lifeboat repo check", does: "every object there, every tree complete" },
    { command: "lifeboat repo check --repo s3-dr --read-data-subset 5%", does: "and a share of the data" },
    { command: "lifeboat repo check --repo s3-dr --read-data-subset 1/7", does: "one part a day: after 7/7 every byte was read" },
    { command: "lifeboat repo check --repo /srv/repo --password-file F --read-data", does: "with bare hands, every byte" },
  ],
  details:
    "Every index file, snapshot and folder is read from the store, also those that the cache has whole: it is the store that is judged. What --read-data has found damaged stays so in 'lifeboat status' until a check with --read-data passes. With --no-lock, a prune that runs meanwhile shows as damage. Exit code 6: the repository is damaged, each error is shown. 10, 11, 12: no repository, locked, wrong password.",
  run: checkOne,
};

async function checkOne(session: Session, values: OptionValues): Promise<number> {
  const { config, choice } = await chooseRepository(session, values);
  const readData = readDataOf(values);
  const noLock = !values.flag("lock");
  const context = openJobContext(session, { config, writes: !noLock, progress: showProgress(session, "check") });
  const order = byHandOrder(session, config, "check", runObjectOf(choice));
  session.say(`checking ${"name" in choice ? choice.name : choice.url}${values.flag("read-data") ? ", every byte" : ""}`);
  const withCache = values.flag("with-cache");
  const { record, error, report } = await runCheck(context, { ...order, repository: choice, readData, withCache, noLock });
  session.output.status(undefined);
  session.signal.throwIfAborted();
  if (config !== undefined) {
    const { rememberRun } = await import("../service/remember-run.ts");
    await rememberRun(session, config, record);
  }
  if (error !== undefined && !(report !== undefined && isLifeboatError(error, "repository-damaged"))) throw error;
  if (report === undefined) throw new Error("a check without a report");
  if (session.json) {
    await session.answer({ ...runSummary(record), num_errors: report.errorCount, errors: report.errors, hints: report.hints });
    return report.errorCount > 0 ? exitCodes.checkFailed : exitCodes.passed;
  }
  for (const { kind, id, detail } of report.errors.slice(0, 100)) session.output.note(`  ✗ ${kind} ${id}: ${detail}`);
  if (report.errorCount > 100) session.output.note(`  ✗ and ${report.errorCount - 100} more`);
  for (const { snapshot, path } of report.affected.slice(0, 20)) {
    session.output.note(`    lost: ${displayName(path)} in snapshot ${snapshot.slice(0, 8)}`);
  }
  if (report.affectedCount > 20) session.output.note(`    and ${report.affectedCount - 20} more files`);
  for (const hint of report.hints) session.say(`  - ${hint}`);
  const looked = `${countOf(report.snapshots, "snapshot")}, ${countOf(report.blobs, "blob")} in ${countOf(report.packs, "pack")}`;
  const read = report.bytesRead > 0 ? `, ${formatBytes(report.bytesRead)} read` : "";
  if (report.errorCount === 0) {
    session.say(`✓ sound: ${looked}${read}  ${formatSpan(secondsOf(record))}`);
    return exitCodes.passed;
  }
  session.output.note(`✗ DAMAGED: ${countOf(report.errorCount, "error")}; ${looked}${read}`);
  session.output.note(
    "  next   do not prune; an index that is damaged or incomplete: 'lifeboat repo repair index'; copy what is sound with 'lifeboat restore'",
  );
  return exitCodes.checkFailed;
}

/** As restic's option: "n/t", "x%" or a size; also the sizes that restic writes, "500M". */
function readDataOf(values: OptionValues): ReadDataChoice {
  const subset = values.text("read-data-subset");
  if (values.flag("read-data")) {
    if (subset === undefined) return true;
    throw new LifeboatError("usage", "--read-data reads everything: leave --read-data-subset out, or --read-data");
  }
  if (subset === undefined) return false;
  const [, part, of] = /^([1-9][0-9]{0,2})\/([1-9][0-9]{0,2})$/.exec(subset) ?? [];
  if (part !== undefined && Number(part) <= Number(of) && Number(of) <= 256) return { part: Number(part), of: Number(of) };
  const ratio = parseRatio(subset);
  if (subset.endsWith("%") && ratio !== undefined && ratio > 0 && ratio <= 1) return { ratio };
  const bytes = parseSize(
    subset.replace(/^([1-9][0-9]*)([KMGT])$/i, (_, count: string, unit: string) => `${count}${unit.toUpperCase()}iB`),
  );
  if (bytes !== undefined && bytes > 0) return { bytes };
  throw new LifeboatError(
    "usage",
    `--read-data-subset "${subset}" is neither a part (1/5, at most 256), a share (2.5%) nor a size (500MiB)`,
  );
}
