import {
  executeSnapshotRepair,
  filterSnapshots,
  findSnapshot,
  isId,
  planSnapshotRepair,
  type RepairedPath,
  type Snapshot,
  type SnapshotRepairPlan,
} from "@lifeboat/engine";
import { displayName, exitCodes, LifeboatError } from "@lifeboat/model";
import type { OptionValues } from "../command-line/option-values.ts";
import { describeSnapshot } from "../output/describe-snapshot.ts";
import { countOf, formatBytes } from "../output/format-size.ts";
import { showProgress } from "../output/show-progress.ts";
import { confirm, type Session, timeZoneOf } from "../session/session.ts";
import { type OpenedRepository, withChosenRepository } from "../session/with-chosen-repository.ts";

const repairs: Record<RepairedPath["repair"], string> = {
  "content-removed": "loses content",
  "size-corrected": "had a wrong size",
  "folder-emptied": "cannot be read: an empty folder now",
  "node-removed": "is of an unknown type: removed",
};

/** `lifeboat repo repair snapshots [ID...]`. */
export async function repairSnapshotsOf(session: Session, values: OptionValues): Promise<number> {
  const words = values.words.slice(1);
  const forget = values.flag("forget");
  const progress = showProgress(session, "repair");
  const lockMode = session.dryRun ? "none" : "exclusive";
  return withChosenRepository(session, values, { lock: lockMode, progress }, async (opened) => {
    const { repository, context, lock, config } = opened;
    const { signal, clock } = context;
    const timezone = timeZoneOf(config);
    const unreadableWords = new Set<string>();
    const isChosen = await chooser(session, values, words, opened, unreadableWords);
    const plan = await planSnapshotRepair(repository, { isChosen, signal, clock, progress });
    session.output.status(undefined);
    const removeUnreadable = forget ? plan.unreadable.map(({ id }) => id).filter((id) => unreadableWords.has(id)) : [];
    await showPlan(session, plan, { timezone, forget, removeUnreadable });
    const left = plan.unreadable.length - removeUnreadable.length + (forget ? 0 : plan.lost.length);
    const code = left > 0 ? exitCodes.incomplete : exitCodes.passed;
    const gone = forget ? plan.changes.length + plan.lost.length + removeUnreadable.length : 0;
    if (session.dryRun || plan.changes.length + gone === 0) return code;
    if (forget) await confirm(session, `Replace or remove ${countOf(gone, "damaged snapshot")}?`, values.flag("yes"));
    const beforeReplace = async () => lock?.assertHeld();
    const order = { forget, removeUnreadable, beforeReplace, signal, clock, progress };
    // First: killed after this, the history counts a copy too few until the next call. None of these is a good copy any more.
    const going = forget ? [...plan.changes.map(({ snapshot }) => snapshot), ...plan.lost].map(({ id }) => id) : [];
    await tellHistory(session, opened, [...going, ...removeUnreadable], []);
    const { repaired, removed } = await executeSnapshotRepair(repository, plan, order);
    session.output.status(undefined);
    await tellHistory(
      session,
      opened,
      [],
      repaired.map(({ to }) => to),
    );
    if (session.json) {
      const changed = repaired.map(({ from, to }) => ({ from, to: to.id, original: to.original }));
      await session.answer({ message_type: "summary", changed, removed, forget, unchanged: plan.whole });
    }
    session.say(
      `✓ ${countOf(repaired.length, "snapshot")} repaired${forget ? ` in their place, ${removed.length} removed` : ", beside the damaged ones"}`,
    );
    session.say("  next   'lifeboat repo check'; data that nothing names any more goes with 'lifeboat repo prune'");
    return code;
  });
}

/** By the words, else by the filters. A word that is the whole id of a file that cannot be read is remembered: it may go. */
async function chooser(
  session: Session,
  values: OptionValues,
  words: readonly string[],
  { repository, config }: OpenedRepository,
  unreadable: Set<string>,
): Promise<(snapshot: Snapshot) => boolean> {
  const filter = {
    asset: values.text("asset"),
    host: values.text("host"),
    tags: values.texts("tag"),
    paths: values.texts("path"),
  };
  if (words.length === 0) return (snapshot) => filterSnapshots([snapshot], filter).length === 1;
  const chosen = new Set<string>();
  const readable: Snapshot[] = [];
  const ids = await repository.listIds("snapshot", { signal: session.signal });
  for (const id of ids) {
    try {
      readable.push(await repository.loadSnapshot(id, { signal: session.signal }));
    } catch (error) {
      if (!(error instanceof LifeboatError) || error.code !== "repository-damaged") throw error;
      if (words.includes(id)) unreadable.add(id);
    }
  }
  readable.sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  for (const word of words) {
    if (isId(word) && unreadable.has(word)) continue;
    chosen.add(findSnapshot(readable, word, { ...filter, now: session.clock.now(), timezone: timeZoneOf(config) }).snapshot.id);
  }
  return ({ id }) => chosen.has(id);
}

interface PlanView {
  readonly timezone: string;
  readonly forget: boolean;
  readonly removeUnreadable: readonly string[];
}

const maxShown = 50;

async function showPlan(
  session: Session,
  plan: SnapshotRepairPlan,
  { timezone, forget, removeUnreadable }: PlanView,
): Promise<void> {
  for (const { snapshot, damage } of plan.changes) {
    if (session.json) {
      await session.answer({
        message_type: "repair",
        snapshot_id: snapshot.id,
        time: snapshot.time,
        files_truncated: damage.truncatedFiles,
        bytes_lost: damage.lostBytes,
        files_resized: damage.resizedFiles,
        dirs_emptied: damage.emptiedFolders,
        nodes_removed: damage.removedNodes,
      });
      continue;
    }
    const what = [
      damage.truncatedFiles > 0 && `${countOf(damage.truncatedFiles, "file")} cut by ${formatBytes(damage.lostBytes)}`,
      damage.resizedFiles > 0 && `${countOf(damage.resizedFiles, "size")} corrected`,
      damage.emptiedFolders > 0 && `${countOf(damage.emptiedFolders, "folder")} emptied`,
      damage.removedNodes > 0 && `${countOf(damage.removedNodes, "node")} removed`,
    ].filter((part) => part !== false);
    await session.output.line(`repair ${describeSnapshot(snapshot, timezone)}  ${what.join(", ")}`);
  }
  for (const { id, time } of plan.lost) {
    if (session.json) await session.answer({ message_type: "lost", snapshot_id: id, time, removed: forget });
    session.say(
      `! snapshot ${id.slice(0, 8)}: its first folder is lost, nothing of it can be had; ${forget ? "it goes" : "--forget removes it"}`,
    );
  }
  for (const { id, detail } of plan.unreadable) {
    const goes = removeUnreadable.includes(id);
    if (session.json) await session.answer({ message_type: "unreadable", snapshot_id: id, removed: goes });
    session.say(`! ${detail}; ${goes ? "it goes" : `'repo repair snapshots --forget ${id}' removes it`}`);
  }
  for (const { path, repair } of plan.paths.slice(0, maxShown)) session.say(`  ${displayName(path)} ${repairs[repair]}`);
  if (plan.paths.length > maxShown) session.say(`  and ${plan.paths.length - maxShown} more`);
  const changes = plan.changes.length;
  const isQuiet = changes + plan.lost.length + plan.unreadable.length === 0;
  session.say(
    isQuiet
      ? `all whole: ${countOf(plan.whole, "snapshot")}`
      : `${countOf(changes, "snapshot")} to be repaired, ${plan.whole} are whole`,
  );
  if (session.dryRun && !isQuiet) session.say("Dry run: nothing was changed.");
}

async function tellHistory(
  session: Session,
  { config, choice }: OpenedRepository,
  gone: readonly string[],
  stored: readonly Snapshot[],
): Promise<void> {
  const { rememberSnapshots } = await import("../service/remember-snapshots.ts");
  await rememberSnapshots(session, config, choice, { gone, stored });
}
