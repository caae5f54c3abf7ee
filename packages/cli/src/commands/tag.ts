import { replaceSnapshot, type Snapshot } from "@lifeboat/engine";
import { exitCodes, LifeboatError, pinTag } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { describeSnapshot } from "../output/describe-snapshot.ts";
import { countOf } from "../output/format-size.ts";
import { manySnapshotsOptions, pickSnapshots } from "../session/pick-snapshots.ts";
import { type Session, timeZoneOf } from "../session/session.ts";
import { withChosenRepository } from "../session/with-chosen-repository.ts";

export const tag: CommandSpec = {
  arguments: [{ name: "[snapshots...]", description: "ids or ASSET@WHEN (default: all that the filters let pass)" }],
  repository: true,
  writes: true,
  options: [
    { flags: "--add <TAGS...>", description: "add these, joined by commas" },
    { flags: "--remove <TAGS...>", description: "remove these" },
    { flags: "--set <TAGS...>", description: "these and no others; '' for none", mayBeEmpty: true },
    ...manySnapshotsOptions,
  ],
  examples: [
    { command: "lifeboat tag web1/uploads@2026-11-20 --add before-migration --repo main", does: "so that it can be found" },
    { command: "lifeboat tag --tag old --remove old --repo /srv/repo --password-file F", does: "with bare hands" },
  ],
  details: `A snapshot whose tags change gets another id; the old id still finds it. The tags asset= and run= say to whom a snapshot belongs: without them it is nobody's for retention. "${pinTag}" is a pin.`,
  run: changeTags,
};

async function changeTags(session: Session, values: OptionValues): Promise<number> {
  const change = readChange(values);
  return withChosenRepository(session, values, { lock: session.dryRun ? "none" : "exclusive" }, async (opened) => {
    const { repository, config, choice, lock } = opened;
    const timezone = timeZoneOf(config);
    const { snapshots, all } = await pickSnapshots(session, values, repository, timezone);
    const changed: { readonly old: string; readonly stored: Snapshot }[] = [];
    let count = 0;
    for (const snapshot of snapshots) {
      const before = snapshot.tags ?? [];
      const tags = change(before);
      if (tags.length === before.length && tags.every((one, at) => one === before[at])) continue;
      count++;
      const name = describeSnapshot(snapshot, timezone);
      if (session.dryRun) {
        session.say(`would tag ${name}: ${tags.join(", ") || "none"}`);
        continue;
      }
      await lock?.assertHeld();
      const stored = await replaceSnapshot(repository, snapshot, { tags }, all);
      changed.push({ old: snapshot.id, stored });
      if (session.json) {
        await session.answer({ message_type: "changed", old_snapshot_id: snapshot.id, new_snapshot_id: stored.id });
      }
      session.say(`✓ ${name} has ${tags.join(", ") || "no tags"}; its id is now ${stored.id.slice(0, 8)}`);
    }
    if (session.json) await session.answer({ message_type: "summary", changed_snapshots: changed.length });
    if (count === 0) session.say(`nothing to change in ${countOf(snapshots.length, "snapshot")}`);
    if (changed.length > 0) {
      const { rememberSnapshots } = await import("../service/remember-snapshots.ts");
      const gone = changed.map(({ old }) => old);
      await rememberSnapshots(session, config, choice, { gone, stored: changed.map(({ stored }) => stored) });
    }
    return exitCodes.passed;
  });
}

/** restic's rules: set alone, or add and then remove. */
function readChange(values: OptionValues): (tags: readonly string[]) => string[] {
  const listOf = (name: string) => values.texts(name).flatMap((list) => list.split(","));
  const [set, add, remove] = [listOf("set"), listOf("add"), listOf("remove")];
  if (set.length + add.length + remove.length === 0) {
    throw new LifeboatError("usage", "which tags? --add, --remove or --set is missing; nothing was changed");
  }
  if (set.length > 0 && add.length + remove.length > 0) {
    throw new LifeboatError("usage", "--set says all tags: it cannot stand beside --add and --remove; nothing was changed");
  }
  const named = (tags: readonly string[]) => [...new Set(tags.map((one) => one.trim()).filter((one) => one !== ""))];
  if (set.length > 0) return () => named(set);
  return (tags) => [...tags, ...named(add).filter((one) => !tags.includes(one))].filter((one) => !remove.includes(one));
}
