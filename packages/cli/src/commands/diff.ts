import { type DiffEntry, diffSnapshots, parseSnapshotAddress, type TreeNode, unixMode } from "@lifeboat/engine";
import { byteString, displayName, exitCodes, LifeboatError } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { formatBytes } from "../output/format-size.ts";
import { openSnapshot, pickSnapshot, snapshotFilterOptions } from "../session/open-snapshot.ts";
import type { Session } from "../session/session.ts";

export const diff: CommandSpec = {
  arguments: [
    { name: "<before>", description: "ASSET@WHEN or a part of it" },
    { name: "<after>", description: "a snapshot of the same repository" },
  ],
  repository: true,
  options: [{ flags: "--path <PATH>", description: "only below this path" }, ...snapshotFilterOptions],
  examples: [
    { command: "lifeboat diff web1/etc@1d web1/etc@latest", does: "what changed since yesterday" },
    { command: "lifeboat diff 9f3c1a22 e41b77c0 --repo /srv/repo --password-file F", does: "with bare hands" },
  ],
  details:
    'Signs as in restic: + added, - removed, M content, U metadata, T type. "!" behind a line: more people may read or write it than before.',
  run: compare,
};

async function compare(session: Session, values: OptionValues): Promise<number> {
  await using opened = await openSnapshot(session, values, values.word(0));
  const { repository, snapshot: before, timezone } = opened;
  const second = values.word(1);
  const { asset } = parseSnapshotAddress(values.word(0));
  // `diff web1/etc@1d latest`: the second one is of the same asset.
  const address = asset !== undefined && !second.includes("/") && !second.includes("@") ? `${asset}@${second}` : second;
  const after = await pickSnapshot(session, values, repository, address, timezone);
  const below = values.text("path") ?? (opened.path === undefined ? undefined : displayName(opened.path));
  if (below !== undefined && !below.startsWith("/")) throw new LifeboatError("usage", `--path "${below}" is not absolute`);
  const prefix = below === undefined ? "" : byteString(below.replace(/\/+$/, ""));
  const counts = { "+": 0, "-": 0, M: 0, U: 0, T: 0 };
  let bytes = 0;
  for await (const entry of diffSnapshots(repository, before.tree, after.tree, { signal: session.signal })) {
    if (prefix !== "" && entry.path !== prefix && !entry.path.startsWith(`${prefix}/`)) continue;
    counts[entry.sign]++;
    bytes += sizeOf(entry.after) - sizeOf(entry.before);
    const path = displayName(entry.path);
    if (session.json) await session.answer({ message_type: "change", path, modifier: entry.sign });
    else await session.output.line(lineOf(entry, path));
  }
  if (session.json) {
    await session.answer({
      message_type: "statistics",
      source_snapshot: before.id,
      target_snapshot: after.id,
      changed_files: counts.M,
      added: counts["+"],
      removed: counts["-"],
      metadata: counts.U,
      types: counts.T,
      bytes_difference: bytes,
    });
  } else {
    const sign = bytes < 0 ? "-" : "+";
    session.say(
      `${counts.M} changed, ${counts["+"]} added, ${counts["-"]} removed, ${counts.U + counts.T} metadata or type; ${sign}${formatBytes(Math.abs(bytes))}`,
    );
  }
  return exitCodes.passed;
}

function lineOf({ sign, before, after }: DiffEntry, path: string): string {
  const isFolder = (after ?? before)?.type === "dir";
  return `${sign}  ${path}${isFolder ? "/" : ""}${detailOf(sign, before, after)}${isWider(before, after) ? "  !" : ""}`;
}

function detailOf(sign: DiffEntry["sign"], before: TreeNode | undefined, after: TreeNode | undefined): string {
  if (before === undefined || after === undefined) {
    const node = after ?? before;
    return node?.type === "file" ? `  ${formatBytes(node.size)}` : "";
  }
  if (sign === "M") return `  ${formatBytes(before.size)} -> ${formatBytes(after.size)}`;
  if (sign === "T") return `  ${before.type} -> ${after.type}`;
  const parts: string[] = [];
  if (before.mode !== after.mode) parts.push(`mode ${octal(before)} -> ${octal(after)}`);
  if (before.uid !== after.uid || before.gid !== after.gid)
    parts.push(`owner ${before.uid}:${before.gid} -> ${after.uid}:${after.gid}`);
  if (before.mtime !== after.mtime) parts.push("mtime");
  return parts.length === 0 ? "" : `  ${parts.join(", ")}`;
}

function isWider(before: TreeNode | undefined, after: TreeNode | undefined): boolean {
  if (before === undefined || after === undefined || after.type === "symlink") return false;
  // Others and the group, set-user-id and set-group-id.
  return (unixMode(after.mode) & ~unixMode(before.mode) & 0o6077) !== 0;
}

function octal(node: TreeNode): string {
  return unixMode(node.mode).toString(8).padStart(4, "0");
}

function sizeOf(node: TreeNode | undefined): number {
  return node?.type === "file" ? node.size : 0;
}
