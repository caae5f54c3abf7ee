import { type ByteString, LifeboatError } from "@lifeboat/model";
import { sealOverheadBytes } from "../crypto/index.ts";
import { encodeTree, type TreeNode } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";
import { refuseUnknownFields } from "./refuse-unknown-fields.ts";
import { isDamage } from "./walk-trees.ts";

/** What happened to one path of a damaged snapshot. */
export interface RepairedPath {
  readonly path: ByteString;
  readonly repair: "content-removed" | "size-corrected" | "folder-emptied" | "node-removed";
}

/** What a repair changes in a folder with all below. */
export interface TreeDamage {
  /** Files that lose content: what is left of them is kept. */
  readonly truncatedFiles: number;
  /** Bytes of these files that are lost. */
  readonly lostBytes: number;
  /** Files whose content is whole and whose size was wrong. */
  readonly resizedFiles: number;
  /** Folders that cannot be read: empty afterwards; how much they held is not known. */
  readonly emptiedFolders: number;
  /** Nodes of a type that nobody knows. */
  readonly removedNodes: number;
}

export interface RepairedTree {
  /** undefined: the folder itself cannot be read. */
  readonly id: string | undefined;
  readonly damage: TreeDamage;
}

export interface TreeRepairerOptions {
  /** Takes a new folder's bytes and gives its id. */
  readonly save: (bytes: Buffer) => Promise<string>;
  /** Told of each damage once, by the first path that led to it. */
  readonly onRepair?: ((repaired: RepairedPath) => void) | undefined;
  readonly signal: AbortSignal;
}

const none: TreeDamage = { truncatedFiles: 0, lostBytes: 0, resizedFiles: 0, emptiedFolders: 0, removedNodes: 0 };
const knownTypes: ReadonlySet<string> = new Set(["file", "dir", "symlink", "dev", "chardev", "fifo", "socket"]);
/** No sane tree is deeper. */
const maxDepth = 4096;
/** Snapshots share most folders: each is looked at once, as long as they fit in here. */
const maxRemembered = 200_000;

/**
 * Folders without what cannot be had any more, as restic's `repair snapshots` makes them: files keep the blobs that are in the index,
 * folders that cannot be read become empty ones. What is whole keeps its id.
 */
export class TreeRepairer {
  readonly #repository: Repository;
  readonly #options: TreeRepairerOptions;
  readonly #known = new Map<string, RepairedTree>();

  constructor(repository: Repository, options: TreeRepairerOptions) {
    this.#repository = repository;
    this.#options = options;
  }

  repair(tree: string): Promise<RepairedTree> {
    return this.#repairFolder(tree, "" as ByteString, 0);
  }

  async #repairFolder(tree: string, path: ByteString, depth: number): Promise<RepairedTree> {
    const known = this.#known.get(tree);
    if (known !== undefined) return known;
    this.#options.signal.throwIfAborted();
    if (depth > maxDepth)
      throw new LifeboatError("repository-damaged", `folders deeper than ${maxDepth} at ${path.slice(0, 200)}`);
    const nodes = await this.#load(tree);
    const repaired = nodes === undefined ? { id: undefined, damage: none } : await this.#repairNodes(tree, nodes, path, depth);
    if (this.#known.size >= maxRemembered) this.#known.clear();
    this.#known.set(tree, repaired);
    return repaired;
  }

  /** undefined for one that is lost; that the store cannot be reached is no damage. */
  async #load(tree: string): Promise<readonly TreeNode[] | undefined> {
    try {
      return await this.#repository.loadTree(tree, this.#options);
    } catch (error) {
      if (isDamage(error)) return undefined;
      throw error;
    }
  }

  async #repairNodes(tree: string, nodes: readonly TreeNode[], path: ByteString, depth: number): Promise<RepairedTree> {
    const kept: TreeNode[] = [];
    let damage = none;
    let isChanged = false;
    for (const node of nodes) {
      const nodePath = `${path}/${node.name}` as ByteString;
      const tell = (repair: RepairedPath["repair"]) => this.#options.onRepair?.({ path: nodePath, repair });
      if (!knownTypes.has(node.type)) {
        isChanged = true;
        damage = add(damage, { ...none, removedNodes: 1 });
        tell("node-removed");
        continue;
      }
      const repaired =
        node.type === "file"
          ? this.#repairFile(node, tell)
          : node.type === "dir"
            ? await this.#repairSubtree(node, nodePath, depth, tell)
            : { node, damage: none };
      isChanged ||= repaired.node !== node;
      damage = add(damage, repaired.damage);
      kept.push(repaired.node);
    }
    if (isChanged) await refuseUnknownFields(this.#repository, { tree, path, nodes }, "repair snapshots", this.#options);
    return { id: isChanged ? await this.#options.save(encodeTree(kept)) : tree, damage };
  }

  #repairFile(node: TreeNode, tell: (repair: RepairedPath["repair"]) => void): { node: TreeNode; damage: TreeDamage } {
    const content: string[] = [];
    let size = 0;
    for (const id of node.content ?? []) {
      const location = this.#repository.index.locate(id, "data");
      if (location === undefined) continue;
      content.push(id);
      size += location.uncompressedLength === 0 ? location.length - sealOverheadBytes : location.uncompressedLength;
    }
    const isWhole = content.length === node.content?.length;
    if (isWhole && size === node.size) return { node, damage: none };
    tell(isWhole ? "size-corrected" : "content-removed");
    const damage = isWhole
      ? { ...none, resizedFiles: 1 }
      : { ...none, truncatedFiles: 1, lostBytes: Math.max(0, node.size - size) };
    return { node: { ...node, content, size }, damage };
  }

  async #repairSubtree(
    node: TreeNode,
    path: ByteString,
    depth: number,
    tell: (repair: RepairedPath["repair"]) => void,
  ): Promise<{ node: TreeNode; damage: TreeDamage }> {
    const below = node.subtree === undefined ? undefined : await this.#repairFolder(node.subtree, path, depth + 1);
    if (below?.id === undefined) {
      tell("folder-emptied");
      return { node: { ...node, subtree: await this.#options.save(encodeTree([])) }, damage: { ...none, emptiedFolders: 1 } };
    }
    return { node: below.id === node.subtree ? node : { ...node, subtree: below.id }, damage: below.damage };
  }
}

function add(a: TreeDamage, b: TreeDamage): TreeDamage {
  return {
    truncatedFiles: a.truncatedFiles + b.truncatedFiles,
    lostBytes: a.lostBytes + b.lostBytes,
    resizedFiles: a.resizedFiles + b.resizedFiles,
    emptiedFolders: a.emptiedFolders + b.emptiedFolders,
    removedNodes: a.removedNodes + b.removedNodes,
  };
}
