import { type TreeNode, unixMode } from "@lifeboat/engine";
import { displayName, epochFromRfc3339 } from "@lifeboat/model";
import { formatBytes } from "./format-size.ts";
import { formatLocal } from "./format-time.ts";
import { oneLine } from "./one-line.ts";

const letters: Readonly<Record<string, string>> = { dir: "d", symlink: "l", dev: "b", chardev: "c", fifo: "p", socket: "s" };

/** "drwxr-sr-x", as ls shows it. */
export function modeText({ type, mode }: Pick<TreeNode, "type" | "mode">): string {
  const bits = unixMode(mode);
  const triple = (shift: number, special: number, letter: string) => {
    const three = bits >> shift;
    const run = (three & 1) !== 0;
    const last = (bits & special) === 0 ? (run ? "x" : "-") : run ? letter : letter.toUpperCase();
    return `${three & 4 ? "r" : "-"}${three & 2 ? "w" : "-"}${last}`;
  };
  return `${letters[type] ?? "-"}${triple(6, 0o4000, "s")}${triple(3, 0o2000, "s")}${triple(0, 0o1000, "t")}`;
}

/** "-rw-r--r--  www-data  www-data   1.4 MiB  2026-11-19 17:40" */
export function longNode(node: TreeNode, timezone: string): string {
  const owner = oneLine(node.user || String(node.uid)).padEnd(8);
  const group = oneLine(node.group || String(node.gid)).padEnd(8);
  const size = (node.type === "file" ? formatBytes(node.size) : "-").padStart(9);
  return `${modeText(node)}  ${owner}  ${group}  ${size}  ${formatLocal(millisecondsOf(node.mtime), timezone)}`;
}

export function linkText(node: TreeNode): string {
  return node.linkTarget === undefined ? "" : ` -> ${displayName(node.linkTarget)}`;
}

/** restic's fields of `ls --json`; names that are not UTF-8 are shown with `\xNN`. */
export function nodeObject(path: string, node: TreeNode) {
  return {
    name: displayName(node.name),
    type: node.type,
    path,
    uid: node.uid,
    gid: node.gid,
    ...(node.type === "file" && { size: node.size }),
    mode: node.mode,
    permissions: modeText(node),
    mtime: node.mtime,
    atime: node.atime,
    ctime: node.ctime,
    ...(node.linkTarget !== undefined && { linktarget: displayName(node.linkTarget) }),
    message_type: "node",
    struct_type: "node",
  };
}

function millisecondsOf(time: string): number {
  return (epochFromRfc3339(time)?.seconds ?? 0) * 1000;
}
