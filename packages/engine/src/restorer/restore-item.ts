import type { ByteString } from "@lifeboat/model";
import type { TreeNode } from "../format/index.ts";

/** What restoring needs of a node. `inode` is "0" for what has one name only. */
export type RestoreNode = Pick<
  TreeNode,
  | "type"
  | "mode"
  | "mtime"
  | "uid"
  | "gid"
  | "size"
  | "links"
  | "inode"
  | "deviceId"
  | "linkTarget"
  | "xattrs"
  | "device"
  | "content"
>;

/** One thing to be created. `path` is relative to the target, without a leading slash. */
export interface RestoreItem {
  readonly path: ByteString;
  readonly node: RestoreNode;
  /** First path of the same inode; this one becomes a hard link to it. */
  readonly hardLinkTo?: ByteString;
  /** Where it is written first when it replaces something. */
  readonly writeTo?: ByteString;
}

/** A list of them, an array or one that makes each item when it is asked for. */
export interface RestoreItems extends Iterable<RestoreItem> {
  readonly length: number;
  slice(from: number, to: number): readonly RestoreItem[];
}

/** Of the content that will be written; a snapshot may claim a size for a file that has none. */
export function contentBytesOf({ content, size }: RestoreNode): number {
  return content === undefined || content.length === 0 ? 0 : size;
}

/** The inode was seen under more than one name, not all of them in the snapshot perhaps. */
export function hasFurtherNames({ links, inode }: RestoreNode): boolean {
  return links > 1 && inode !== "0";
}
