import type { FileEntry, FileExtras } from "@lifeboat/model";
import type { TreeNode } from "../format/index.ts";
import type { BlobStream } from "../repository/blob-stream.ts";
import type { Folder } from "./folder-tree.ts";
import { type NodeContent, nodeOfEntry } from "./node-of-entry.ts";

/** One entry that must be read: a file for its content, anything else for its extended attributes. */
export interface ArchiveItem {
  /** The folder that waits for it: the one that holds it, or for a folder itself that folder. */
  readonly folder: Folder;
  entry: FileEntry;
  /** As it was after a reading that it changed under: what the next reading expects. */
  next: FileEntry | undefined;
  readonly previous: TreeNode | undefined;
  /** A checkpoint's node that has the beginning of this file: only what follows is to be read. */
  resume: (TreeNode & { readonly content: readonly string[] }) | undefined;
  /** The parent snapshot's node of this file as it was before: only what differs is to be read. */
  base: (TreeNode & { readonly content: readonly string[] }) | undefined;
  extras: FileExtras;
  /** Blob ids, once all are known. */
  content: readonly string[] | undefined;
  bytes: number;
  /** Of them, those that came from `resume`. */
  resumedBytes: number;
  /** Of them, those that did not have to come thanks to `base`. */
  unmovedBytes: number;
  /** Of those, what an earlier run had stored: it did not have to come in this one. */
  checkpointBytes: number;
  /** The last one that was made of it. */
  node: TreeNode | undefined;
  /** While the content of a large file comes. */
  stream: BlobStream | undefined;
  verdict: "same" | "torn" | undefined;
  attempts: number;
  /** Its node stands in the folder: content and attributes are final. */
  isStored: boolean;
  /** Other names of the same inode: they get this one's content and attributes. */
  links: ArchiveItem[];
}

export const noExtras: FileExtras = { xattrs: [] };

export function createItem(folder: Folder, entry: FileEntry, previous: TreeNode | undefined): ArchiveItem {
  return {
    folder,
    entry,
    next: undefined,
    previous,
    resume: undefined,
    base: undefined,
    extras: noExtras,
    content: undefined,
    bytes: 0,
    resumedBytes: 0,
    unmovedBytes: 0,
    checkpointBytes: 0,
    node: undefined,
    stream: undefined,
    verdict: undefined,
    attempts: 0,
    isStored: false,
    links: [],
  };
}

/**
 * The item's node with this content. As long as that is the same it is the same object: by that a checkpoint knows a folder that has not
 * changed since the last one.
 */
export function nodeOfItem(item: ArchiveItem, extras: FileExtras, content: NodeContent): TreeNode {
  const isKnown = content.content !== undefined && item.node?.content === content.content;
  const node = isKnown && item.node !== undefined ? item.node : nodeOfEntry(item.entry, extras, content);
  item.node = node;
  return node;
}
