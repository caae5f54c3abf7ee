import { type ByteString, displayName, LifeboatError } from "@lifeboat/model";
import { sortNodes, type TreeNode } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";

/** restic's signs: added, removed, content modified, only metadata modified, type changed. */
export type DiffSign = "+" | "-" | "M" | "U" | "T";

export interface DiffEntry {
  readonly sign: DiffSign;
  /** Absolute in the snapshot. */
  readonly path: ByteString;
  readonly before?: TreeNode;
  readonly after?: TreeNode;
}

/** No sane tree is deeper. */
const maxDepth = 4096;

interface Level {
  readonly path: ByteString;
  /** Pairs of nodes of the same name, in byte order. */
  readonly pairs: Iterator<readonly [TreeNode | undefined, TreeNode | undefined]>;
}

/**
 * What changed from one snapshot's tree to another's, in byte order of the names, each folder before what it holds. Equal subtrees
 * are never read, so that it costs what changed. A folder is told itself only when it was added, removed or has other metadata.
 */
export async function* diffSnapshots(
  repository: Repository,
  before: string,
  after: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<DiffEntry> {
  if (before === after) return;
  if (repository.indexIds.size === 0) await repository.loadIndex(options);
  const load = async (id: string | undefined) => (id === undefined ? [] : repository.loadTree(id, options));
  const open = async (path: ByteString, left: string | undefined, right: string | undefined): Promise<Level> => ({
    path,
    pairs: pairNodes(await load(left), await load(right)),
  });
  const levels = [await open("" as ByteString, before, after)];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const next = level.pairs.next();
    if (next.done === true) {
      levels.pop();
      continue;
    }
    const [left, right] = next.value;
    const path = `${level.path}/${(left ?? right)!.name}` as ByteString;
    const sign = signOf(left, right);
    if (sign !== undefined) yield { sign, path, ...(left && { before: left }), ...(right && { after: right }) };
    const leftTree = treeOf(left, path);
    const rightTree = treeOf(right, path);
    if (leftTree === rightTree) continue;
    if (levels.length > maxDepth) throw new LifeboatError("repository-damaged", `folders deeper than ${maxDepth}`);
    levels.push(await open(path, leftTree, rightTree));
  }
}

function treeOf(node: TreeNode | undefined, path: ByteString): string | undefined {
  if (node?.type !== "dir") return undefined;
  if (node.subtree === undefined) throw new LifeboatError("repository-damaged", `folder ${displayName(path)} has no subtree`);
  return node.subtree;
}

function* pairNodes(left: TreeNode[], right: TreeNode[]): Generator<readonly [TreeNode | undefined, TreeNode | undefined]> {
  sortNodes(left);
  sortNodes(right);
  let at = 0;
  for (const node of left) {
    for (; at < right.length && right[at]!.name < node.name; at++) yield [undefined, right[at]];
    if (right[at]?.name === node.name) yield [node, right[at++]];
    else yield [node, undefined];
  }
  for (; at < right.length; at++) yield [undefined, right[at]];
}

function signOf(left: TreeNode | undefined, right: TreeNode | undefined): DiffSign | undefined {
  if (left === undefined) return "+";
  if (right === undefined) return "-";
  if (left.type !== right.type) return "T";
  if (left.type === "file" && left.content?.join() !== right.content?.join()) return "M";
  return metadataOf(left) === metadataOf(right) ? undefined : "U";
}

/** All that is not content. */
function metadataOf({ content: _content, subtree: _subtree, xattrs, ...metadata }: TreeNode): string {
  const attributes = xattrs?.map(({ name, value }) => [name, Buffer.from(value).toString("base64")]) ?? [];
  return JSON.stringify([Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)), attributes]);
}
