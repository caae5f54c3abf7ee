import { type ByteString, displayName, LifeboatError, textOf } from "@lifeboat/model";
import type { TreeNode } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";

export interface TreeEntry {
  /** Absolute in the snapshot. */
  readonly path: ByteString;
  readonly node: TreeNode;
}

export interface ListTreeOptions {
  readonly recursive?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** No sane tree is deeper. */
const maxDepth = 4096;

/**
 * What a folder of a snapshot holds, in byte order of the names, each folder before what it holds; with `recursive` all below.
 * A path that names a file gives that one entry. Errors: `path-not-found`, `repository-damaged`.
 */
export async function* listTree(
  repository: Repository,
  tree: string,
  path: ByteString,
  options: ListTreeOptions = {},
): AsyncGenerator<TreeEntry> {
  const start = await findEntry(repository, tree, path, options);
  if (start !== undefined && start.node.type !== "dir") {
    yield start;
    return;
  }
  const openFolder = async (folder: ByteString, id: string | undefined) => {
    if (id === undefined) throw new LifeboatError("repository-damaged", `folder ${displayName(folder)} has no subtree`);
    return { path: folder, nodes: (await repository.loadTree(id, options)).values() };
  };
  const open = [
    start === undefined ? await openFolder("" as ByteString, tree) : await openFolder(start.path, start.node.subtree),
  ];
  for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
    const next = folder.nodes.next();
    if (next.done) {
      open.pop();
      continue;
    }
    const node = next.value;
    const entry = { path: `${folder.path}/${node.name}` as ByteString, node };
    yield entry;
    if (options.recursive !== true || node.type !== "dir") continue;
    if (open.length > maxDepth) throw new LifeboatError("repository-damaged", `folders deeper than ${maxDepth}`);
    open.push(await openFolder(entry.path, node.subtree));
  }
}

/** The node at a path. Errors: `path-not-found`, also for the root, which has no node of its own. */
export async function findNode(
  repository: Repository,
  tree: string,
  path: ByteString,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<TreeEntry> {
  const entry = await findEntry(repository, tree, path, options);
  if (entry === undefined)
    throw new LifeboatError("path-not-found", "the root of a snapshot is a folder without a node of its own");
  return entry;
}

/**
 * The path whose names are shown like this: people can only give back what they were shown, and bytes that no terminal takes are shown as
 * `\\xNN`. A name that is there as it is goes first; from where nothing fits, or several do, the path stays as it was given.
 */
export async function findShownPath(
  repository: Repository,
  tree: string,
  path: ByteString,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ByteString> {
  if (!path.includes("\\x")) return path;
  if (repository.indexIds.size === 0) await repository.loadIndex(options);
  const names = path.split("/").filter((part) => part !== "" && part !== ".");
  let folder: string | undefined = tree;
  for (const [at, name] of names.entries()) {
    const nodes: TreeNode[] = folder === undefined ? [] : await repository.loadTree(folder, options);
    const shown = textOf(name as ByteString);
    const alike = nodes.filter((node) => displayName(node.name) === shown);
    const found = nodes.find((node) => node.name === name) ?? (alike.length === 1 ? alike[0] : undefined);
    if (found === undefined) break;
    names[at] = found.name;
    folder = found.subtree;
  }
  return `/${names.join("/")}` as ByteString;
}

/** undefined for the root. */
async function findEntry(
  repository: Repository,
  tree: string,
  path: ByteString,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<TreeEntry | undefined> {
  if (repository.indexIds.size === 0) await repository.loadIndex(options);
  let at = "" as ByteString;
  let folder: string | undefined = tree;
  let found: TreeNode | undefined;
  for (const name of path.split("/").filter((part) => part !== "" && part !== ".")) {
    const nodes: TreeNode[] = folder === undefined ? [] : await repository.loadTree(folder, options);
    found = nodes.find((node) => node.name === name);
    at = `${at}/${name}` as ByteString;
    if (found === undefined) throw new LifeboatError("path-not-found", `the snapshot holds no ${displayName(at)}`);
    folder = found.subtree;
  }
  return found && { path: at, node: found };
}
