import { type ByteString, LifeboatError } from "@lifeboat/model";
import { encodeTree, type TreeNode } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";
import { refuseUnknownFields } from "./refuse-unknown-fields.ts";
import { isDamage } from "./walk-trees.ts";

export interface TreeRewriterOptions {
  /** What goes, with all below it. The path is absolute in the snapshot. */
  readonly isExcluded: (path: ByteString, isFolder: boolean) => boolean;
  /** Takes a new folder's bytes and gives its id. */
  readonly save: (bytes: Buffer) => Promise<string>;
  /** Told of each path that goes, the first time. */
  readonly onExcluded?: ((path: ByteString) => void) | undefined;
  readonly signal: AbortSignal;
}

export interface RewrittenTree {
  readonly id: string;
  readonly removed: RemovedContent;
}

/** What is no longer there. */
export interface RemovedContent {
  readonly files: number;
  readonly folders: number;
  /** Sizes of the files. */
  readonly bytes: number;
}

const nothing: RemovedContent = { files: 0, folders: 0, bytes: 0 };
/** No sane tree is deeper. */
const maxDepth = 4096;
/** Snapshots share most folders: each is looked at once, as long as they fit in here. */
const maxRemembered = 200_000;

/** Folders without what is excluded; those that lose nothing keep their id. Errors: `repository-damaged`, `repository-unsupported`. */
export class TreeRewriter {
  readonly #repository: Repository;
  readonly #options: TreeRewriterOptions;
  readonly #known = new Map<string, RewrittenTree>();
  readonly #counted = new Map<string, RemovedContent>();

  constructor(repository: Repository, options: TreeRewriterOptions) {
    this.#repository = repository;
    this.#options = options;
  }

  rewrite(tree: string): Promise<RewrittenTree> {
    return this.#rewriteFolder(tree, "" as ByteString, 0);
  }

  async #rewriteFolder(tree: string, path: ByteString, depth: number): Promise<RewrittenTree> {
    const key = `${tree} ${path}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#options.signal.throwIfAborted();
    refuseDepth(path, depth);
    const nodes = await this.#repository.loadTree(tree, this.#options);
    const kept: TreeNode[] = [];
    let removed = nothing;
    let isChanged = false;
    for (const node of nodes) {
      const nodePath = `${path}/${node.name}` as ByteString;
      const isFolder = node.type === "dir";
      if (this.#options.isExcluded(nodePath, isFolder)) {
        isChanged = true;
        removed = add(removed, await this.#countNode(node, depth));
        this.#options.onExcluded?.(nodePath);
      } else if (isFolder && node.subtree !== undefined) {
        const below = await this.#rewriteFolder(node.subtree, nodePath, depth + 1);
        isChanged ||= below.id !== node.subtree;
        removed = add(removed, below.removed);
        kept.push(below.id === node.subtree ? node : { ...node, subtree: below.id });
      } else kept.push(node);
    }
    if (isChanged) await refuseUnknownFields(this.#repository, { tree, path, nodes }, "rewrite", this.#options);
    const result = { id: isChanged ? await this.#options.save(encodeTree(kept)) : tree, removed };
    remember(this.#known, key, result);
    return result;
  }

  async #countNode({ type, size, subtree }: TreeNode, depth: number): Promise<RemovedContent> {
    if (type === "file") return { files: 1, folders: 0, bytes: size };
    if (type !== "dir") return nothing;
    const below = subtree === undefined ? nothing : await this.#countFolder(subtree, depth + 1);
    return { ...below, folders: below.folders + 1 };
  }

  async #countFolder(tree: string, depth: number): Promise<RemovedContent> {
    const known = this.#counted.get(tree);
    if (known !== undefined) return known;
    refuseDepth(tree, depth);
    let removed = nothing;
    try {
      for (const node of await this.#repository.loadTree(tree, this.#options)) {
        removed = add(removed, await this.#countNode(node, depth));
      }
    } catch (error) {
      // What is damaged can be erased all the same; only its size is not known.
      if (!isDamage(error)) throw error;
    }
    remember(this.#counted, tree, removed);
    return removed;
  }
}

function add(a: RemovedContent, b: RemovedContent): RemovedContent {
  return { files: a.files + b.files, folders: a.folders + b.folders, bytes: a.bytes + b.bytes };
}

function refuseDepth(path: string, depth: number): void {
  if (depth > maxDepth) throw new LifeboatError("repository-damaged", `folders deeper than ${maxDepth} at ${path.slice(0, 200)}`);
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= maxRemembered) map.clear();
  map.set(key, value);
}
