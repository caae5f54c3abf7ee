import type { ByteString, FileEntry, FileExtras } from "@lifeboat/model";
import { encodeTree, sortNodes, type TreeNode } from "../format/index.ts";
import type { BlobWriter } from "../repository/blob-writer.ts";
import { noExtras } from "./archive-item.ts";
import { nodeOfEntry } from "./node-of-entry.ts";

/** A folder whose content is not complete yet. */
export interface Folder {
  readonly path: ByteString;
  /** undefined for the root of the snapshot, which has no node of its own. */
  readonly entry: FileEntry | undefined;
  readonly parent: Folder | undefined;
  /** The parent snapshot's node of this folder. */
  readonly previous: TreeNode | undefined;
  /** The parent snapshot's nodes in it, by name. */
  readonly previousNodes: ReadonlyMap<ByteString, TreeNode>;
  extras: FileExtras;
  nodes: TreeNode[];
  /** What it waits for: content of its files, its subfolders, its own attributes, the end of its listing. */
  waiting: number;
}

export interface FolderFigures {
  dirsNew: number;
  dirsChanged: number;
  dirsUnmodified: number;
}

/** Builds trees from the leaves up: a folder is stored as soon as nothing in it is open, so memory follows what is open only. */
export class FolderTree {
  readonly figures: FolderFigures = { dirsNew: 0, dirsChanged: 0, dirsUnmodified: 0 };
  readonly #writer: BlobWriter;
  #rootId: string | undefined;

  constructor(writer: BlobWriter) {
    this.#writer = writer;
  }

  /** Set when everything below the root is stored. */
  get rootId(): string | undefined {
    return this.#rootId;
  }

  /** The folder waits for the end of its own listing: `done(folder)` says so. */
  open(parts: Pick<Folder, "path" | "entry" | "parent" | "previous" | "previousNodes">): Folder {
    if (parts.parent !== undefined) parts.parent.waiting++;
    return { ...parts, extras: noExtras, nodes: [], waiting: 1 };
  }

  /** One thing less to wait for. */
  done(folder: Folder): void {
    // A loop, not a recursion: paths can be thousands of folders deep.
    for (let current: Folder | undefined = folder; current !== undefined; ) {
      current.waiting--;
      if (current.waiting > 0) return;
      current = this.#store(current);
    }
  }

  add(folder: Folder, node: TreeNode): void {
    folder.nodes.push(node);
  }

  #store(folder: Folder): Folder | undefined {
    const nodes = withoutDuplicates(sortNodes(folder.nodes));
    folder.nodes = [];
    const subtree = this.#writer.saveTree(encodeTree(nodes));
    if (folder.entry === undefined || folder.parent === undefined) {
      this.#rootId = subtree;
      return undefined;
    }
    if (folder.previous === undefined) this.figures.dirsNew++;
    else if (folder.previous.subtree === subtree) this.figures.dirsUnmodified++;
    else this.figures.dirsChanged++;
    this.add(folder.parent, nodeOfEntry(folder.entry, folder.extras, { subtree }));
    return folder.parent;
  }
}

/** A hostile or racing host can list a name twice; a tree with two nodes of one name is damage. */
function withoutDuplicates(sorted: TreeNode[]): TreeNode[] {
  return sorted.filter((node, at) => at === 0 || sorted[at - 1]!.name !== node.name);
}
