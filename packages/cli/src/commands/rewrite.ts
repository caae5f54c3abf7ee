import { executeRewrite, planRewrite, type RewritePlan } from "@lifeboat/engine";
import { displayName, exitCodes, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { describeSnapshot } from "../output/describe-snapshot.ts";
import { countOf, formatBytes } from "../output/format-size.ts";
import { showProgress } from "../output/show-progress.ts";
import { manySnapshotsOptions, pickSnapshots } from "../session/pick-snapshots.ts";
import { type PathTest, readPatterns } from "../session/read-patterns.ts";
import { confirm, type Session, timeZoneOf } from "../session/session.ts";
import { type OpenedRepository, withChosenRepository } from "../session/with-chosen-repository.ts";

export const rewrite: CommandSpec = {
  arguments: [{ name: "[snapshots...]", description: "ids or ASSET@WHEN (default: all)" }],
  repository: true,
  writes: true,
  options: [
    {
      flags: "--exclude <PATTERN...>",
      description: "what goes, as in the configuration: '/etc/shadow', '*.key', '/srv/**/cache/'",
    },
    { flags: "--iexclude <PATTERN...>", description: "the same, upper and lower case alike" },
    ...manySnapshotsOptions,
    { flags: "--yes", description: "do not ask" },
  ],
  examples: [
    { command: "lifeboat rewrite --repo main --exclude /home/alice --dry-run", does: "which snapshots hold it, and how much" },
    { command: "lifeboat rewrite --repo main --exclude /home/alice", does: "erase it from every snapshot; then prune" },
    { command: "lifeboat rewrite 9f3c1a22 --repo /srv/repo --password-file F --exclude '*.key'", does: "from one snapshot" },
  ],
  details:
    "A snapshot that loses something is replaced by one with another id; the old id still finds it. The data is gone after 'lifeboat repo prune --max-unused 0%', and where the store keeps versions, after these are gone. Each replica is a repository of its own: rewrite it, too. Paths that could not be read stand in run records as well, which are kept. Pinned snapshots are rewritten like others.",
  run: rewriteSome,
};

async function rewriteSome(session: Session, values: OptionValues): Promise<number> {
  const isExcluded = readExcludes(values);
  const progress = showProgress(session, "rewrite");
  return withChosenRepository(session, values, { lock: session.dryRun ? "none" : "exclusive", progress }, async (opened) => {
    const { repository, config, lock } = opened;
    const { signal, clock } = opened.context;
    const timezone = timeZoneOf(config);
    const { snapshots, all } = await pickSnapshots(session, values, repository, timezone);
    const plan = await planRewrite(repository, { snapshots, isExcluded, signal, clock, progress });
    session.output.status(undefined);
    await showPlan(session, plan, timezone);
    if (session.dryRun || plan.changes.length === 0) return exitCodes.passed;
    await confirm(session, `Erase this from ${countOf(plan.changes.length, "snapshot")}?`, values.flag("yes"));
    const beforeReplace = async () => lock?.assertHeld();
    const replaced = await executeRewrite(repository, plan, { isExcluded, signal, clock, progress, all, beforeReplace });
    session.output.status(undefined);
    await tellHistory(session, opened, replaced);
    if (session.json) {
      const changed = replaced.map(({ from, to }) => ({ from, to: to.id, original: to.original }));
      await session.answer({ message_type: "summary", changed, unchanged: plan.unchanged });
    }
    session.say(`✓ ${countOf(replaced.length, "snapshot")} replaced`);
    session.say("  next   'lifeboat repo prune --max-unused 0%' removes the data; replicas are to be rewritten by themselves");
    return exitCodes.passed;
  });
}

function readExcludes(values: OptionValues): PathTest {
  const isExcluded = readPatterns(values, "exclude");
  if (isExcluded !== undefined) return isExcluded;
  throw new LifeboatError("usage", "what is to be erased? --exclude is missing; nothing was changed", {
    hint: "Add --exclude PATTERN; --dry-run shows what it hits.",
  });
}

async function showPlan(session: Session, plan: RewritePlan, timezone: string): Promise<void> {
  for (const { snapshot, removed } of plan.changes) {
    if (session.json) {
      await session.answer({
        message_type: "rewrite",
        snapshot_id: snapshot.id,
        time: snapshot.time,
        files_removed: removed.files,
        dirs_removed: removed.folders,
        bytes_removed: removed.bytes,
      });
    } else {
      const what = `${countOf(removed.files, "file")}, ${countOf(removed.folders, "folder")}, ${formatBytes(removed.bytes)}`;
      await session.output.line(`rewrite ${describeSnapshot(snapshot, timezone)}  ${what}`);
    }
  }
  for (const path of plan.paths.slice(0, 20)) session.say(`  ${displayName(path)}`);
  if (plan.paths.length > 20) session.say("  and more");
  const changes = countOf(plan.changes.length, "snapshot");
  session.say(
    plan.changes.length === 0
      ? "nothing fits: no snapshot holds it"
      : `${changes} to be rewritten, ${plan.unchanged} stay as they are`,
  );
}

async function tellHistory(
  session: Session,
  { config, choice }: OpenedRepository,
  replaced: Awaited<ReturnType<typeof executeRewrite>>,
): Promise<void> {
  const { rememberSnapshots } = await import("../service/remember-snapshots.ts");
  const gone = replaced.map(({ from }) => from);
  await rememberSnapshots(session, config, choice, { gone, stored: replaced.map(({ to }) => to) });
}
