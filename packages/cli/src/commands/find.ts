import { matchesGlob } from "node:path";
import { assetOfSnapshot, filterSnapshots, listTree, type Repository, type Snapshot } from "@lifeboat/engine";
import { openChosenRepository } from "@lifeboat/jobs";
import { byteString, displayName, exitCodes, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { linkText, longNode, nodeObject } from "../output/describe-node.ts";
import { formatMoment } from "../output/format-time.ts";
import { chooseRepository, repositoryOfAsset } from "../session/choose-repository.ts";
import { openJobContext } from "../session/open-job-context.ts";
import { pickSnapshot, snapshotFilterOptions } from "../session/open-snapshot.ts";
import { type Session, timeZoneOf } from "../session/session.ts";
import { tellDamagedSnapshot } from "../session/tell-damaged-snapshot.ts";

export const find: CommandSpec = {
  arguments: [
    { name: "<pattern>", description: "glob; with a slash for the path, without for the name: '*.conf', '/etc/**/*.conf'" },
  ],
  repository: true,
  options: [
    { flags: "--asset <ASSET>", description: "only snapshots of this asset" },
    { flags: "--snapshot <SNAPSHOT>", description: "only in this snapshot" },
    { flags: "-l, --long", description: "modes, owners, sizes, times" },
    { flags: "-i, --ignore-case", description: "upper and lower case are the same" },
    ...snapshotFilterOptions,
  ],
  examples: [
    { command: "lifeboat find 'invoice-2026*.pdf' --asset files1/shares", does: "in all snapshots of an asset, newest first" },
    { command: "lifeboat find '/etc/**/*.conf' --snapshot latest", does: "in one snapshot" },
    { command: "lifeboat find passwd --repo /srv/repo --password-file F", does: "with bare hands" },
  ],
  run: findNames,
};

async function findNames(session: Session, values: OptionValues): Promise<number> {
  const asset = values.text("asset");
  const { config, choice } = await chooseRepository(session, values, repositoryOfAsset(asset));
  const repository = await openChosenRepository(openJobContext(session, { config, writes: false }), choice);
  try {
    const timezone = timeZoneOf(config);
    const one = values.text("snapshot");
    let damaged = 0;
    const tell = tellDamagedSnapshot(session);
    const onDamaged: typeof tell = (id, error) => {
      damaged++;
      if (one === undefined) tell(id, error);
    };
    const all = filterSnapshots(await repository.listSnapshots({ signal: session.signal, onDamaged }), {
      asset,
      host: values.text("host"),
      tags: values.texts("tag"),
    });
    const searched = one === undefined ? all.reverse() : [await pickSnapshot(session, values, repository, one, timezone)];
    let found = 0;
    for (const snapshot of searched) found += await searchSnapshot(session, values, repository, snapshot, timezone);
    // A program reads the same fields whether something was found or not.
    if (found === 0 && session.json) await session.answer({ matches: [], hits: 0, snapshot: null });
    if (found === 0) session.say(`nothing fits "${values.word(0)}" in ${searched.length} snapshots`);
    return damaged > 0 && one === undefined ? exitCodes.incomplete : exitCodes.passed;
  } finally {
    await repository.close();
  }
}

async function searchSnapshot(
  session: Session,
  values: OptionValues,
  repository: Repository,
  snapshot: Snapshot,
  timezone: string,
): Promise<number> {
  const fits = matcherOf(values.word(0), values.flag("ignore-case"));
  const matches: object[] = [];
  let found = 0;
  for await (const { path, node } of listTree(repository, snapshot.tree, byteString("/"), {
    recursive: true,
    signal: session.signal,
  })) {
    const name = displayName(path);
    if (!fits(name)) continue;
    found++;
    if (session.json) {
      matches.push(nodeObject(name, node));
      continue;
    }
    if (found === 1) {
      const of = assetOfSnapshot(snapshot) ?? snapshot.hostname ?? "?";
      session.say(`snapshot ${snapshot.id.slice(0, 8)} of ${of}, ${formatMoment(Date.parse(snapshot.time), timezone)}`);
    }
    await session.output.line(values.flag("long") ? `${longNode(node, timezone)}  ${name}${linkText(node)}` : name);
  }
  if (session.json && found > 0) await session.answer({ matches, hits: found, snapshot: snapshot.id });
  return found;
}

function matcherOf(pattern: string, ignoreCase: boolean): (path: string) => boolean {
  if (pattern.length > 4096) throw new LifeboatError("usage", "the pattern is longer than 4096 characters");
  const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text);
  const glob = fold(pattern);
  if (glob.includes("/")) return (path) => matchesGlob(fold(path), glob);
  return (path) => matchesGlob(fold(path.slice(path.lastIndexOf("/") + 1)), glob);
}
