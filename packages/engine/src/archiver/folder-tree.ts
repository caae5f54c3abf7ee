import type { ByteString, FileEntry, FileExtras, SourceProblem } from "@lifeboat/model";
import { encodeTreeThatFits, sortNodes, type TreeNode } from "../format/index.ts";
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
  /** The nodes in it that a checkpoint of a stopped run has. */
  readonly resumedNodes: ReadonlyMap<ByteString, TreeNode>;
  /** undefined: its own attributes could not be read. */
  extras: FileExtras | undefined;
  nodes: TreeNode[];
  /** As the last checkpoint has it. */
  partial: PartialFolder | undefined;
  /** What it waits for: content of its files, its subfolders, its own attributes, the end of its listing. */
  waiting: number;
}

interface PartialFolder {
  readonly nodes: ReadonlySet<TreeNode>;
  readonly subtree: string;
  /** Of the folder itself; undefined for the root of the snapshot. */
  readonly node: TreeNode | undefined;
  /** Length of the tree. */
  readonly bytes: number;
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
  /** Parents before what is in them, because they are opened before. */
  readonly #open = new Set<Folder>();
  #rootId: string | undefined;
  readonly #problem: (problem: SourceProblem) => void;
  readonly #maxTreeBytes: number | undefined;

  /** `problem`: told of what does not fit into its folder's tree; `maxTreeBytes`: as little as a test can fill. */
  constructor(writer: BlobWriter, problem: (problem: SourceProblem) => void, maxTreeBytes?: number) {
    this.#writer = writer;
    this.#problem = problem;
    this.#maxTreeBytes = maxTreeBytes;
  }

  /** Set when everything below the root is stored. */
  get rootId(): string | undefined {
    return this.#rootId;
  }

  /** The folder waits for the end of its own listing: `done(folder)` says so. */
  open(parts: Omit<Folder, "extras" | "nodes" | "partial" | "waiting">): Folder {
    if (parts.parent !== undefined) parts.parent.waiting++;
    const folder: Folder = { ...parts, extras: noExtras, nodes: [], partial: undefined, waiting: 1 };
    this.#open.add(folder);
    return folder;
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

  /**
   * Stores what is there by now as a tree for a checkpoint: finished nodes, those of `reading`, and what the last checkpoint has and this
   * run has not come to. Gives the root's id and the length of the trees made, in bytes. Nothing of it is part of a snapshot. Folders in
   * which nothing has changed since the last checkpoint are not made again: of those that wait for verdicts only, that is most.
   */
  savePartial(reading: ReadonlyMap<Folder, readonly TreeNode[]>): { readonly tree: string; readonly treeBytes: number } {
    const subfolders = new Map<Folder, TreeNode[]>();
    let treeBytes = 0;
    let root: string | undefined;
    // From the last one opened: children before their parents, without a recursion.
    for (const folder of [...this.#open].reverse()) {
      const known = [...folder.nodes, ...(reading.get(folder) ?? []), ...(subfolders.get(folder) ?? [])];
      const names = new Set(known.map(({ name }) => name));
      for (const [name, node] of folder.resumedNodes) if (!names.has(name)) known.push(node);
      // Listed, but nothing of it has come: the next run loses nothing when it does not find it, and most that are open are so.
      if (known.length === 0 && folder.parent !== undefined) continue;
      if (!isMadeOf(folder.partial, known)) {
        folder.partial = this.#makePartial(folder, known);
        treeBytes += folder.partial.bytes;
      }
      const { subtree, node } = folder.partial;
      if (node === undefined || folder.parent === undefined) {
        root = subtree;
        continue;
      }
      const siblings = subfolders.get(folder.parent);
      if (siblings === undefined) subfolders.set(folder.parent, [node]);
      else siblings.push(node);
    }
    if (root === undefined) throw new Error("the root of the checkpoint is not open");
    return { tree: root, treeBytes };
  }

  #makePartial({ entry }: Folder, known: TreeNode[]): PartialFolder {
    const nodes = new Set(known);
    const { tree } = encodeTreeThatFits(withoutDuplicates(sortNodes(known)), this.#maxTreeBytes);
    const subtree = this.#writer.saveTree(tree);
    // Its attributes may not be known yet.
    const node = entry === undefined ? undefined : nodeToReadAgain(entry, subtree);
    return { nodes, subtree, node, bytes: tree.length };
  }

  #store(folder: Folder): Folder | undefined {
    this.#open.delete(folder);
    const nodes = withoutDuplicates(sortNodes(folder.nodes));
    folder.nodes = [];
    const { tree, leftOut } = encodeTreeThatFits(nodes, this.#maxTreeBytes);
    const subtree = this.#writer.saveTree(tree);
    for (const { name } of leftOut) {
      const path = `${folder.path === "/" ? "" : folder.path}/${name}` as ByteString;
      this.#problem({
        path,
        kind: "unreadable",
        detail: "File too large: its list of blobs does not fit into its folder's tree",
      });
    }
    if (folder.entry === undefined || folder.parent === undefined) {
      this.#rootId = subtree;
      return undefined;
    }
    if (folder.previous === undefined) this.figures.dirsNew++;
    else if (folder.previous.subtree === subtree) this.figures.dirsUnmodified++;
    else this.figures.dirsChanged++;
    const { entry, extras } = folder;
    this.add(folder.parent, extras === undefined ? nodeToReadAgain(entry, subtree) : nodeOfEntry(entry, extras, { subtree }));
    return folder.parent;
  }
}

function isMadeOf(partial: PartialFolder | undefined, known: readonly TreeNode[]): partial is PartialFolder {
  return partial !== undefined && partial.nodes.size === known.length && known.every((node) => partial.nodes.has(node));
}

/** Without attributes; a time that no file has makes the next run ask for them. */
function nodeToReadAgain(entry: FileEntry, subtree: string): TreeNode {
  return { ...nodeOfEntry(entry, noExtras, { subtree }), ctime: "1970-01-01T00:00:00Z" };
}

/** A hostile or racing host can list a name twice; a tree with two nodes of one name is damage. */
function withoutDuplicates(sorted: TreeNode[]): TreeNode[] {
  return sorted.filter((node, at) => at === 0 || sorted[at - 1]!.name !== node.name);
}
