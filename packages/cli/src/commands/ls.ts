import { listTree, type Snapshot } from "@lifeboat/engine";
import { byteString, displayName, exitCodes } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { linkText, longNode, nodeObject } from "../output/describe-node.ts";
import { openSnapshot, snapshotFilterOptions } from "../session/open-snapshot.ts";
import type { Session } from "../session/session.ts";

export const ls: CommandSpec = {
  arguments: [
    { name: "<snapshot>", description: "ASSET@WHEN:PATH or a part of it: latest, an id, web1/uploads, web1/uploads@3d:/srv/www" },
    { name: "[path]", description: "folder inside; default the root" },
  ],
  repository: true,
  options: [
    { flags: "-l, --long", description: "modes, owners, sizes, times" },
    { flags: "-r, --recursive", description: "everything below" },
    { flags: "-R", description: "the same, as the system's ls has it" },
    ...snapshotFilterOptions,
  ],
  examples: [
    { command: "lifeboat ls web1/uploads@2026-11-20:/srv/www --long", does: "as it was at the end of that day" },
    { command: "lifeboat ls latest /etc --recursive", does: "all below /etc" },
    { command: "lifeboat ls latest --repo /srv/repo --password-file F", does: "with bare hands" },
  ],
  run: listPaths,
};

async function listPaths(session: Session, values: OptionValues): Promise<number> {
  await using opened = await openSnapshot(session, values, values.word(0));
  const { repository, snapshot, timezone } = opened;
  const path = values.words[1] === undefined ? (opened.path ?? byteString("/")) : await opened.pathOf(values.word(1));
  const long = values.flag("long");
  if (session.json) {
    await session.answer({ ...snapshot, short_id: snapshot.id.slice(0, 8), message_type: "snapshot", struct_type: "snapshot" });
  }
  let count = 0;
  let lines: string[] = [];
  let isOnTheWay = true;
  const recursive = values.flag("recursive") || values.flag("R");
  const options = { recursive, signal: session.signal };
  for await (const { path: at, node } of listTree(repository, snapshot.tree, path, options)) {
    const name = displayName(at);
    count++;
    isOnTheWay &&= node.type === "dir";
    if (session.json) lines.push(JSON.stringify(nodeObject(name, node)));
    else lines.push(long ? `${longNode(node, timezone)}  ${name}${node.type === "dir" ? "/" : ""}${linkText(node)}` : name);
    if (lines.length < 1000) continue;
    await session.output.line(lines.join("\n"));
    lines = [];
  }
  if (lines.length > 0) await session.output.line(lines.join("\n"));
  if (count === 0) session.say(`${displayName(path)} is empty`);
  const source = recursive || !isOnTheWay ? undefined : sourceBelow(snapshot, displayName(path));
  if (source !== undefined) session.say(`only folders on the way to ${source}: --recursive shows all below`);
  return exitCodes.passed;
}

/** The first folder that was backed up and lies deeper than this one. A snapshot's root holds the way there, not yet what was backed up. */
function sourceBelow({ paths }: Snapshot, folder: string): string | undefined {
  const start = folder.endsWith("/") ? folder : `${folder}/`;
  return paths.find((path) => path.length > start.length && path.startsWith(start));
}
