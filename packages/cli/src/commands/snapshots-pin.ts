import { replaceSnapshot, type Snapshot } from "@lifeboat/engine";
import { exitCodes, isPinned, LifeboatError, pinTag } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { describeSnapshot } from "../output/describe-snapshot.ts";
import { snapshotFilterOptions } from "../session/open-snapshot.ts";
import { pickSnapshots } from "../session/pick-snapshots.ts";
import { type Session, timeZoneOf } from "../session/session.ts";
import { type OpenedRepository, withChosenRepository } from "../session/with-chosen-repository.ts";

const words = [{ name: "<snapshots...>", description: "ids or ASSET@WHEN" }] as const;

export const snapshotsPin: CommandSpec = {
  arguments: words,
  repository: true,
  writes: true,
  options: snapshotFilterOptions,
  examples: [
    { command: "lifeboat snapshots pin web1/uploads@2026-11-20 --repo main", does: "the state before the migration stays" },
    { command: "lifeboat snapshots pin 9f3c1a22 --repo /srv/repo --password-file F", does: "with bare hands" },
  ],
  details: `A pin is the tag "${pinTag}" (stock restic: forget --keep-tag ${pinTag}). As any change of tags it gives the snapshot another id; the old id still finds it. Copies get the pin with the next copy.`,
  run: (session, values) => setPins(session, values, true),
};

export const snapshotsUnpin: CommandSpec = {
  arguments: words,
  repository: true,
  writes: true,
  options: snapshotFilterOptions,
  examples: [{ command: "lifeboat snapshots unpin 9f3c1a22 --repo main", does: "the rule decides again" }],
  details: "The snapshot gets another id; the old one still finds it. Copies that were pinned stay so.",
  run: (session, values) => setPins(session, values, false),
};

async function setPins(session: Session, values: OptionValues, isWanted: boolean): Promise<number> {
  if (values.words.length === 0) throw new LifeboatError("usage", "which snapshot? name an id or ASSET@WHEN");
  return withChosenRepository(session, values, { lock: session.dryRun ? "none" : "exclusive" }, async (opened) => {
    const { repository } = opened;
    const timezone = timeZoneOf(opened.config);
    const { snapshots, all } = await pickSnapshots(session, values, repository, timezone);
    const changed: { readonly old: string; readonly stored: Snapshot }[] = [];
    for (const snapshot of snapshots) {
      const name = describeSnapshot(snapshot, timezone);
      if (isPinned(snapshot) === isWanted) {
        session.say(`  ${name} is ${isWanted ? "pinned already" : "not pinned"}`);
        continue;
      }
      if (session.dryRun) {
        session.say(`would ${isWanted ? "pin" : "unpin"} ${name}`);
        continue;
      }
      await opened.lock?.assertHeld();
      const tags = (snapshot.tags ?? []).filter((tag) => tag !== pinTag);
      const stored = await replaceSnapshot(repository, snapshot, { tags: isWanted ? [...tags, pinTag] : tags }, all);
      changed.push({ old: snapshot.id, stored });
      session.say(`✓ ${isWanted ? "pinned" : "unpinned"} ${name}; its id is now ${stored.id.slice(0, 8)}`);
    }
    if (session.json) {
      const list = changed.map(({ old, stored }) => ({ from: old, to: stored.id, original: stored.original }));
      await session.answer({ message_type: "summary", changed: list });
    }
    await tellHistory(session, opened, changed);
    return exitCodes.passed;
  });
}

async function tellHistory(
  session: Session,
  { config, choice }: OpenedRepository,
  changed: readonly { readonly old: string; readonly stored: Snapshot }[],
): Promise<void> {
  if (changed.length === 0) return;
  const { rememberSnapshots } = await import("../service/remember-snapshots.ts");
  const gone = changed.map(({ old }) => old);
  await rememberSnapshots(session, config, choice, { gone, stored: changed.map(({ stored }) => stored) });
}
