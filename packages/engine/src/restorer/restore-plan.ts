import { type ByteString, LifeboatError } from "@lifeboat/model";
import type { TreeNode } from "../format/index.ts";
import type { BlobLocation } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import { PackedItems } from "./packed-items.ts";
import { contentBytesOf, hasFurtherNames, type RestoreItem, type RestoreItems } from "./restore-item.ts";

export interface RestorePlan {
  /** Folders first, each before what it holds. */
  readonly folders: RestoreItems;
  /** Each file by its first name, in the order in which its first blob lies in the packs: each pack is read about once. */
  readonly files: RestoreItems;
  /** Content of `files`, as the snapshot claims it; for the progress. */
  readonly bytes: number;
  /** Links, devices, pipes and further names of files. */
  readonly others: RestoreItems;
  /** What cannot be restored at all: sockets, node types nobody knows, folders whose list is lost. */
  readonly skipped: readonly { readonly path: ByteString; readonly reason: string }[];
}

export interface PlanOptions {
  readonly repository: Repository;
  readonly tree: string;
  /** Absolute paths of the snapshot to restore, with all below; empty: everything. */
  readonly include: readonly ByteString[];
  /** Of what is below these, only what this says yes to, with all below and the folders above. Paths are absolute. */
  readonly isIncluded?: ((path: ByteString, isFolder: boolean) => boolean) | undefined;
  /** Left out with all below. */
  readonly isExcluded?: ((path: ByteString, isFolder: boolean) => boolean) | undefined;
  readonly signal: AbortSignal;
}

/** A folder, and whether it is restored: with patterns that is known only when something in it is. */
interface WayTo {
  readonly item: RestoreItem;
  readonly above: WayTo | undefined;
  isTaken: boolean;
}

interface OpenFolder {
  readonly path: ByteString;
  readonly tree: string;
  readonly depth: number;
  /** All below is wanted. */
  readonly isIncluded: boolean;
  readonly above: WayTo | undefined;
}

/** No sane tree is deeper; a hostile one could be without end only by being its own child, which hashes forbid. */
const maxDepth = 4096;
/**
 * A folder's list has inodes and times in it, so that hardly two folders have the same one. Forty lists, each named twice by the one
 * above, make a million million paths.
 */
const maxPlacesOfOneList = 10_000;

export async function planRestore(options: PlanOptions): Promise<RestorePlan> {
  const planner = new Planner(options);
  await planner.walk();
  return planner.plan();
}

class Planner {
  readonly #options: PlanOptions;
  readonly #folders = new PackedItems();
  readonly #files = new PackedItems();
  #bytes = 0;
  /** Where the first blob of each of them lies. */
  readonly #packs: number[] = [];
  readonly #offsets: number[] = [];
  readonly #others = new PackedItems();
  readonly #skipped: { path: ByteString; reason: string }[] = [];
  readonly #inodes = new Map<string, { readonly path: ByteString; readonly content: TreeNode["content"] }>();
  readonly #places = new Map<string, number>();
  readonly #packOrder = new Map<string, number>();

  constructor(options: PlanOptions) {
    this.#options = options;
  }

  async walk(): Promise<void> {
    const { repository, tree, signal, isIncluded, isExcluded } = this.#options;
    // An explicit stack of folders, walked in order: the paths can be very deep.
    const stack: OpenFolder[] = [
      { path: "" as ByteString, tree, depth: 0, isIncluded: isIncluded === undefined, above: undefined },
    ];
    for (let folder = stack.pop(); folder !== undefined; folder = stack.pop()) {
      signal.throwIfAborted();
      if (folder.depth > maxDepth)
        throw new LifeboatError("repository-damaged", `folders deeper than ${maxDepth} at ${folder.path.slice(0, 200)}`);
      const nodes = await this.#load(folder.path, folder.tree);
      if (nodes.length > 0) this.#countPlace(folder.tree);
      const below: typeof stack = [];
      const isTwice = findRepeats(nodes);
      for (const node of nodes) {
        const path = (folder.path === "" ? node.name : `${folder.path}/${node.name}`) as ByteString;
        if (isTwice(node)) {
          // A link and a folder of one name would lead what is in the folder to wherever the link points.
          this.#skipped.push({ path, reason: "the snapshot has this name twice in one folder; only the first is restored" });
          continue;
        }
        const relation = this.#relation(path);
        const isFolder = node.type === "dir";
        if (relation === "outside" || isExcluded?.(`/${path}` as ByteString, isFolder)) continue;
        const isWanted =
          folder.isIncluded || (relation === "inside" && isIncluded?.(`/${path}` as ByteString, isFolder) === true);
        if (isFolder) {
          if (node.subtree === undefined) throw repository.damaged("tree", folder.tree, `folder ${node.name} has no subtree`);
          const way: WayTo = { item: { path, node: node }, above: folder.above, isTaken: false };
          if (isWanted) this.#take(way);
          below.push({ path, tree: node.subtree, depth: folder.depth + 1, isIncluded: isWanted, above: way });
        } else if (relation === "inside" && isWanted) {
          this.#take(folder.above);
          this.#add(path, node);
        }
      }
      // One by one: a call does not take as many arguments as a folder may have folders.
      for (const one of below.reverse()) stack.push(one);
    }
  }

  /** The folders on the way to something that is wanted, from above. */
  #take(way: WayTo | undefined): void {
    const missing: WayTo[] = [];
    for (let at = way; at !== undefined && !at.isTaken; at = at.above) missing.push(at);
    for (const one of missing.reverse()) {
      one.isTaken = true;
      this.#folders.push(one.item);
    }
  }

  #countPlace(tree: string): void {
    const places = (this.#places.get(tree) ?? 0) + 1;
    this.#places.set(tree, places);
    if (places <= maxPlacesOfOneList) return;
    throw new LifeboatError(
      "repository-damaged",
      `folder list ${tree} stands at more than ${maxPlacesOfOneList} places of the snapshot`,
      {
        hint: "No file system looks like this: the snapshot was made up. Restore single paths of it with --include, if at all.",
      },
    );
  }

  /** A lost folder costs what is in it, not all the others; a lost root leaves nothing to restore. */
  async #load(path: ByteString, tree: string): Promise<readonly TreeNode[]> {
    const { repository, signal } = this.#options;
    try {
      return await repository.loadTree(tree, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (path === "" || !(error instanceof LifeboatError) || error.retry !== "never") throw error;
      this.#skipped.push({ path, reason: `what was in this folder is lost: ${error.message}` });
      return [];
    }
  }

  plan(): RestorePlan {
    const [packs, offsets] = [this.#packs, this.#offsets];
    const order = Uint32Array.from(packs.keys()).sort((a, b) => packs[a]! - packs[b]! || offsets[a]! - offsets[b]!);
    return {
      folders: this.#folders,
      files: this.#files.inOrder(order),
      bytes: this.#bytes,
      others: this.#others,
      skipped: this.#skipped,
    };
  }

  /** Is the path wanted, or a folder on the way to something wanted? */
  #relation(path: ByteString): "inside" | "above" | "outside" {
    const { include } = this.#options;
    if (include.length === 0) return "inside";
    let relation: "above" | "outside" = "outside";
    for (const wanted of include) {
      const relative = wanted.replace(/^\/+/, "").replace(/\/+$/, "");
      if (relative === "" || path === relative || path.startsWith(`${relative}/`)) return "inside";
      if (relative.startsWith(`${path}/`)) relation = "above";
    }
    return relation;
  }

  #add(path: ByteString, node: TreeNode): void {
    if (node.type === "file") {
      this.#addFile(path, node);
    } else if (["symlink", "dev", "chardev", "fifo"].includes(node.type)) this.#others.push({ path, node });
    else this.#skipped.push({ path, reason: `type ${node.type.slice(0, 40)} cannot be restored` });
  }

  #addFile(path: ByteString, node: TreeNode): void {
    if (hasFurtherNames(node)) {
      const key = `${node.deviceId}:${node.inode}`;
      const first = this.#inodes.get(key);
      // Names of one inode that was written to in between are two files in the snapshot: never let one replace the other.
      if (first !== undefined && isSameContent(first.content, node.content)) {
        this.#others.push({ path, node, hardLinkTo: first.path });
        return;
      }
      if (first === undefined) this.#inodes.set(key, { path, content: node.content });
    }
    const firstBlob = node.content?.[0];
    const location = firstBlob === undefined ? undefined : this.#options.repository.index.locate(firstBlob, "data");
    this.#files.push({ path, node });
    this.#bytes += contentBytesOf(node);
    // Hard links are made after all files, so an empty first name must stand among the files.
    this.#packs.push(firstBlob === undefined ? -1 : this.#orderOf(location));
    this.#offsets.push(location?.offset ?? 0);
  }

  #orderOf(location: BlobLocation | undefined): number {
    if (location === undefined) return Number.MAX_SAFE_INTEGER;
    let order = this.#packOrder.get(location.packId);
    if (order === undefined) {
      order = this.#packOrder.size;
      this.#packOrder.set(location.packId, order);
    }
    return order;
  }
}

/** Tells for each node, asked in their order, whether its name stood there before. Sound folders are sorted and cost a comparison a node. */
function findRepeats(nodes: readonly TreeNode[]): (node: TreeNode) => boolean {
  const isSorted = nodes.every((node, at) => at === 0 || nodes[at - 1]!.name < node.name);
  if (isSorted) return () => false;
  const seen = new Set<ByteString>();
  return ({ name }) => {
    if (seen.has(name)) return true;
    seen.add(name);
    return false;
  };
}

function isSameContent(own: readonly string[] = [], other: readonly string[] = []): boolean {
  return own.length === other.length && own.every((id, at) => id === other[at]);
}
