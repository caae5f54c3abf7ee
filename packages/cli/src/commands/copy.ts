import { matchCopies, type Repository, type Snapshot } from "@lifeboat/engine";
import { copyToRepository } from "@lifeboat/jobs";
import { exitCodes, messageOf } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { describeSnapshot } from "../output/describe-snapshot.ts";
import { countOf, formatBytes } from "../output/format-size.ts";
import { showProgress } from "../output/show-progress.ts";
import { chooseOtherRepository } from "../session/choose-repository.ts";
import { manySnapshotsOptions, pickSnapshots } from "../session/pick-snapshots.ts";
import { type Session, timeZoneOf } from "../session/session.ts";
import { type OpenedRepository, withChosenRepository } from "../session/with-chosen-repository.ts";

export const copy: CommandSpec = {
  arguments: [{ name: "[snapshots...]", description: "ids or ASSET@WHEN (default: all)" }],
  repository: true,
  writes: true,
  options: [
    { flags: "--to-repo <REPO>", description: "where to: a name in the configuration, or a place" },
    { flags: "--to-password-file <FILE>", description: "file with its password" },
    { flags: "--no-lock", description: "from a repository that can only be read: no lock is stored there" },
    ...manySnapshotsOptions,
  ],
  examples: [
    {
      command: "lifeboat copy --repo /srv/repo --password-file F --to-repo /mnt/copy --to-password-file G",
      does: "everything that is not there yet",
    },
    {
      command: "lifeboat copy web1/uploads@latest --repo main --to-repo usb",
      does: "one snapshot, between two of the configuration",
    },
    { command: "lifeboat copy --repo main --to-repo usb --asset db1/shop --dry-run", does: "which ones would be copied" },
  ],
  details:
    "With --no-lock, what a prune of the source removes meanwhile fails, and is named. Create the other repository with 'lifeboat repo init --copy-chunker-params', so that later backups there share data with the copies. What is there already is skipped, also what restic copied; of snapshots that are named, what such a copy has lost is stored again (after 'lifeboat repo repair index' there). Without names and filters, run records and drill reports come along. Exit code 3: some could not be copied whole and were left out.",
  run: copyAll,
};

async function copyAll(session: Session, values: OptionValues): Promise<number> {
  const other = await chooseOtherRepository(session, values, "to");
  const lock = session.dryRun ? "none" : "shared";
  const progress = showProgress(session, "copy");
  const fromLock = values.isOff("lock") ? "none" : lock;
  return withChosenRepository(session, values, { lock: fromLock, progress }, (from) =>
    withChosenRepository(session, values, { lock, progress, chosen: other }, (to) => copyBetween(session, values, from, to)),
  );
}

async function copyBetween(
  session: Session,
  values: OptionValues,
  from: OpenedRepository,
  to: OpenedRepository,
): Promise<number> {
  const timezone = timeZoneOf(from.config ?? to.config);
  const { snapshots, all, isEverything } = await pickSnapshots(session, values, from.repository, timezone);
  const { missing, skipped } = matchCopies(snapshots, await to.repository.listSnapshots({ signal: session.signal }));
  const name = (snapshot: Snapshot) => describeSnapshot(snapshot, timezone);
  if (snapshots.length === 0) session.say(all.length === 0 ? "no snapshots to copy" : `none of ${all.length} snapshots fits`);
  if (session.dryRun) {
    for (const snapshot of missing) {
      if (session.json) await session.answer({ message_type: "copy", snapshot_id: snapshot.id, time: snapshot.time });
      else await session.output.line(`copy ${name(snapshot)}`);
    }
    session.say(`would copy ${countOf(missing.length, "snapshot")}; ${skipped.length} there already`);
    return exitCodes.passed;
  }
  if (missing.length > 0) sayOfOtherCuts(session, from.repository, to.repository);
  const { copied, side } = await copyToRepository({
    context: from.context,
    source: from.repository,
    destination: to.repository,
    snapshots,
    side: isEverything ? "all" : "theirs",
    completeCopies: values.words.length > 0,
    beforeCommit: async () => {
      await from.lock?.assertHeld();
      await to.lock?.assertHeld();
    },
  });
  session.output.status(undefined);
  if (copied.copied.length > 0) await tellHistory(session, to);
  const isWhole = copied.failed.length + side.damaged.length === 0;
  if (session.json) {
    await session.answer({
      message_type: "summary",
      copied: copied.copied,
      skipped: copied.skipped,
      failed: copied.failed.map(({ from: id, error }) => ({ from: id, error: error.message })),
      side_objects_copied: side.copied,
      side_objects_failed: side.damaged,
      data_added: copied.bytes,
      data_completed: copied.bytesCompleted,
      data_added_packed: copied.bytesPacked,
    });
    return isWhole ? exitCodes.passed : exitCodes.incomplete;
  }
  for (const snapshot of missing) {
    const done = copied.copied.find((pair) => pair.from === snapshot.id);
    if (done !== undefined) session.say(`  ${name(snapshot)} -> ${done.to.slice(0, 8)}`);
  }
  for (const { from: id, error } of copied.failed) session.output.note(`  ✗ snapshot ${id.slice(0, 8)}: ${error.message}`);
  for (const object of side.damaged) session.output.note(`  ! side object ${object} cannot be read`);
  const completed = copied.bytesCompleted === 0 ? "" : ` (${formatBytes(copied.bytesCompleted)} that they had lost stored again)`;
  const counts = `${countOf(copied.copied.length, "snapshot")} copied, ${copied.skipped.length} there already${completed}`;
  const stored = `${formatBytes(copied.bytes)} new, ${formatBytes(copied.bytesPacked)} stored`;
  if (isWhole) session.say(`✓ ${counts}; ${stored}`);
  else session.output.note(`! INCOMPLETE: ${counts}, ${copied.failed.length} failed; ${stored}`);
  return isWhole ? exitCodes.passed : exitCodes.incomplete;
}

/** Where the copies went to a repository of the configuration: status and page count them. */
async function tellHistory(session: Session, { config, choice, repository }: OpenedRepository): Promise<void> {
  const { rememberSnapshots } = await import("../service/remember-snapshots.ts");
  try {
    const stored = await repository.listSnapshots({ signal: session.signal });
    await rememberSnapshots(session, config, choice, { gone: [], stored });
  } catch (error) {
    // The copy is done, whatever became of its listing.
    session.logger.warn({ cause: messageOf(error) }, "the history could not be told of the copies");
  }
}

function sayOfOtherCuts(session: Session, from: Repository, to: Repository): void {
  if (from.config.chunkerPolynomial === to.config.chunkerPolynomial) return;
  session.say(
    "note: the other repository cuts files in its own way: backups made there later share no data with the copies (repo init --copy-chunker-params)",
  );
}
