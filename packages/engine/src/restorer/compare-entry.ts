import { epochFromRfc3339, type FileEntry } from "@lifeboat/model";
import { unixMode } from "../format/index.ts";
import type { RestoreNode } from "./restore-item.ts";

/**
 * In what an entry of a target is not as its node, without owners and content, in words for people; the first word is enough to know
 * that they differ. Attributes are not in a listing.
 */
export function describeDifferences(entry: FileEntry, node: RestoreNode): string[] {
  if (entry.type !== node.type) return [`is a ${entry.type}, wanted a ${node.type}`];
  const differences: string[] = [];
  if (node.type === "file" && entry.size !== node.size) differences.push(`has ${entry.size} bytes, wanted ${node.size}`);
  if (node.type === "symlink" && entry.linkTarget !== node.linkTarget) differences.push("points elsewhere");
  if (node.type !== "symlink" && entry.mode !== unixMode(node.mode)) {
    differences.push(`has mode ${entry.mode.toString(8)}, wanted ${unixMode(node.mode).toString(8)}`);
  }
  if (!isSameTime(entry.mtime, node.mtime)) differences.push(`was modified at ${entry.mtime}, wanted ${node.mtime}`);
  return differences;
}

export function hasSameOwner(entry: FileEntry, node: RestoreNode): boolean {
  return entry.uid === node.uid && entry.gid === node.gid;
}

/** restic writes times with the offset of the machine that it ran on. */
function isSameTime(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [epochFromRfc3339(one), epochFromRfc3339(other)];
  return a !== undefined && b !== undefined && a.seconds === b.seconds && a.nanos === b.nanos;
}
