import type { ByteString, FileEntry, FileExtras } from "@lifeboat/model";
import { goFileMode, type TreeNode } from "../format/index.ts";

export function baseName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf("/") + 1) as ByteString;
}

export function folderOf(path: ByteString): ByteString {
  const at = path.lastIndexOf("/");
  return (at <= 0 ? "/" : path.slice(0, at)) as ByteString;
}

export interface NodeContent {
  readonly content?: readonly string[];
  /** Sum of the blobs' plain bytes: what was read, not what was listed. */
  readonly bytes?: number;
  readonly subtree?: string;
}

/** A listed entry and what reading it told -> the node as restic would have written it. */
export function nodeOfEntry(entry: FileEntry, extras: FileExtras, { content, bytes, subtree }: NodeContent): TreeNode {
  const hasLinks = entry.type !== "dir" && entry.type !== "fifo";
  const isDevice = entry.type === "dev" || entry.type === "chardev";
  return {
    name: baseName(entry.path),
    type: entry.type,
    mode: goFileMode(entry.type, entry.mode),
    mtime: entry.mtime,
    // Reading changes access times; restic leaves them out in the same way.
    atime: entry.mtime,
    ctime: entry.ctime,
    uid: entry.uid,
    gid: entry.gid,
    user: entry.user,
    group: entry.group,
    inode: entry.inode,
    deviceId: entry.device,
    size: bytes ?? 0,
    links: hasLinks ? entry.links : 0,
    ...(entry.linkTarget !== undefined && { linkTarget: entry.linkTarget }),
    ...(extras.xattrs.length > 0 && { xattrs: extras.xattrs }),
    ...(isDevice && extras.deviceNumber !== undefined && { device: extras.deviceNumber }),
    ...(content !== undefined && { content }),
    ...(subtree !== undefined && { subtree }),
  };
}

/** True when nothing about the inode has changed since the parent snapshot: a changed xattr or content changes ctime. */
export function isUnchanged(entry: FileEntry, previous: TreeNode | undefined): previous is TreeNode {
  return (
    previous !== undefined &&
    previous.type === entry.type &&
    previous.ctime === entry.ctime &&
    previous.mtime === entry.mtime &&
    previous.inode === entry.inode &&
    (entry.type !== "file" || (previous.size === entry.size && previous.content !== undefined))
  );
}

/**
 * True when `stored` holds the beginning of this very file: its times and inode are those of the listing, and it is shorter. A prefix is
 * thus never taken for the whole: `isUnchanged` wants the same size.
 */
export function isBeginning(
  entry: FileEntry,
  stored: TreeNode | undefined,
): stored is TreeNode & { readonly content: readonly string[] } {
  return (
    stored?.content !== undefined &&
    stored.content.length > 0 &&
    stored.size < entry.size &&
    isUnchanged(entry, { ...stored, size: entry.size })
  );
}

export function extrasOfNode(node: TreeNode): FileExtras {
  return { xattrs: node.xattrs ?? [], ...(node.device !== undefined && { deviceNumber: node.device }) };
}
