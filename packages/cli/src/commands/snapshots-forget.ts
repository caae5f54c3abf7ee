import { forgetSnapshots, type Snapshot } from "@lifeboat/engine";
import { exitCodes, groupSnapshots, isPinned, LifeboatError, type SnapshotGroup, selectRetention } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { describeSnapshot } from "../output/describe-snapshot.ts";
import { countOf } from "../output/format-size.ts";
import { manySnapshotsOptions, pickSnapshots } from "../session/pick-snapshots.ts";
import { readGroupBy, readRetentionRule, retentionOptions } from "../session/read-retention-rule.ts";
import { confirm, type Session, timeZoneOf } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

export const snapshotsForget: CommandSpec = {
  arguments: [{ name: "[snapshots...]", description: "ids or ASSET@WHEN; without them a rule decides" }],
  repository: true,
  writes: true,
  options: [...retentionOptions, ...manySnapshotsOptions, { flags: "--yes", description: "do not ask" }],
  examples: [
    { command: "lifeboat snapshots forget --repo main --keep-daily 7 --keep-weekly 4 --dry-run", does: "what a rule would take" },
    { command: "lifeboat snapshots forget 9f3c1a22 --repo /srv/repo --password-file F", does: "one snapshot, with bare hands" },
    { command: "lifeboat snapshots forget --repo main --asset web1/uploads --keep-last 3", does: "of one asset" },
  ],
  details:
    "Rules mean what they mean in restic. A rule that would keep nothing of a group is refused, and pinned snapshots always stay. Data is freed by 'lifeboat repo prune'. The rules of the configuration: 'lifeboat retention run'.",
  run: forgetSome,
};

interface Group extends Omit<SnapshotGroup<Snapshot>, "snapshots"> {
  readonly keep: readonly { readonly snapshot: Snapshot; readonly reasons: readonly string[] }[];
  readonly remove: readonly Snapshot[];
}

async function forgetSome(session: Session, values: OptionValues): Promise<number> {
  const rule = readRetentionRule(values);
  if (values.words.length === 0 && rule === undefined) {
    throw new LifeboatError("usage", "neither a snapshot nor a rule was given; nothing was forgotten", {
      hint: "Name an id, or add --keep-last 3, --keep-daily 7 ...; --dry-run shows what would go.",
    });
  }
  if (values.words.length > 0 && rule !== undefined)
    throw new LifeboatError("usage", "snapshots and a rule were given: leave one of them out; nothing was forgotten");
  const lock = session.dryRun ? "none" : "exclusive";
  return withChosenRepository(session, values, { lock }, async (opened) => {
    const { repository, config, choice } = opened;
    const timezone = timeZoneOf(config);
    const { snapshots, all } = await pickSnapshots(session, values, repository, timezone);
    const groups: Group[] =
      rule === undefined
        ? [{ keep: [], remove: refusePinned(snapshots) }]
        : groupSnapshots(snapshots, readGroupBy(values)).map(({ snapshots: members, ...group }) => {
            const { keep, remove } = selectRetention(members, rule, session.clock.now());
            return refuseEmpty({ ...group, keep, remove });
          });
    const remove = groups.flatMap((group) => group.remove);
    await show(session, groups, timezone);
    if (snapshots.length === 0) session.say(all.length === 0 ? "no snapshots" : `none of ${all.length} snapshots fits`);
    const counts = `${countOf(remove.length, "snapshot")}, ${all.length - remove.length} stay`;
    if (session.dryRun) session.say(`would forget ${counts}`);
    if (session.dryRun || remove.length === 0) return exitCodes.passed;
    await confirm(session, `Forget ${countOf(remove.length, "snapshot")}?`, values.flag("yes"));
    // A person may have taken long to answer.
    await opened.lock?.assertHeld();
    const gone = new Set(remove.map(({ id }) => id));
    const keep = all.map(({ id }) => id).filter((id) => !gone.has(id));
    const forgotten = await forgetSnapshots(repository, { keep, remove: [...gone] }, { signal: session.signal });
    const { rememberSnapshots } = await import("../service/remember-snapshots.ts");
    await rememberSnapshots(session, config, choice, { gone: forgotten });
    session.say(`✓ forgot ${counts}; 'lifeboat repo prune' frees what only they needed`);
    return exitCodes.passed;
  });
}

function refusePinned(snapshots: readonly Snapshot[]): readonly Snapshot[] {
  const pinned = snapshots.find(isPinned);
  if (pinned === undefined) return snapshots;
  throw new LifeboatError("snapshot-pinned", `snapshot ${pinned.id.slice(0, 8)} is pinned; nothing was forgotten`);
}

/** As restic since 0.17: a mistyped tag must not cost everything. */
function refuseEmpty(group: Group): Group {
  if (group.keep.length > 0) return group;
  throw new LifeboatError(
    "usage",
    `the rule keeps none of ${countOf(group.remove.length, "snapshot")} of ${nameOf(group) || "the repository"}; nothing was forgotten`,
    { hint: "Correct the rule, or name the snapshots by their ids." },
  );
}

function nameOf({ host, paths, tags, asset }: Group): string {
  return [asset, host, paths?.join(","), tags?.length ? `tags ${tags.join(",")}` : ""].filter(Boolean).join(" ");
}

/** For programs the array that restic's `forget --json` writes. */
async function show(session: Session, groups: readonly Group[], timezone: string): Promise<void> {
  if (session.json) {
    const withShortId = (snapshot: Snapshot) => ({ ...snapshot, short_id: snapshot.id.slice(0, 8) });
    const list = groups.map(({ host, paths, tags, asset, keep, remove }) => ({
      tags: tags ?? null,
      host: host ?? "",
      paths: paths ?? null,
      ...(asset !== undefined && { asset }),
      keep: keep.map(({ snapshot }) => withShortId(snapshot)),
      remove: remove.map(withShortId),
      reasons: keep.map(({ snapshot, reasons }) => ({ snapshot: withShortId(snapshot), matches: reasons })),
    }));
    await session.output.line(JSON.stringify(list));
    return;
  }
  for (const group of groups) {
    const name = nameOf(group);
    if (name !== "") await session.output.line(`${name}: ${group.keep.length} kept, ${group.remove.length} to forget`);
    for (const { snapshot, reasons } of group.keep)
      await session.output.line(`  keep    ${describeSnapshot(snapshot, timezone)}  ${reasons.join(", ")}`);
    for (const snapshot of group.remove) await session.output.line(`  forget  ${describeSnapshot(snapshot, timezone)}`);
  }
}
