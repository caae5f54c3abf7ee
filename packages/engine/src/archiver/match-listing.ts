import type { ByteString, FileEntry, FileSource, ListOptions } from "@lifeboat/model";
import type { TreeNode } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";
import { baseName, folderOf, isUnchanged } from "./node-of-entry.ts";

/** What stands at one path now and in a snapshot. Without an entry: it is in the snapshot alone, a folder with all that it holds. */
export type ListingMatch =
  | { readonly entry: FileEntry; readonly node: TreeNode | undefined }
  | { readonly entry: undefined; readonly node: TreeNode; readonly path: ByteString };

export interface MatchListingOptions extends ListOptions {
  readonly repository: Repository;
  /** Of the snapshot; undefined: there is none, and everything is new. */
  readonly tree: string | undefined;
  readonly source: FileSource;
}

interface OpenFolder {
  readonly path: ByteString;
  /** Nodes that the listing has not come to. */
  readonly nodes: Map<ByteString, TreeNode>;
}

/**
 * Lists a source beside the tree of a snapshot; nothing is read of the files. The index is loaded. Entries come in the listing's order
 * without those above the paths; of each folder that was left what is only in the snapshot.
 * Errors: as the listing, and `repository-damaged`.
 */
export async function* matchListing(options: MatchListingOptions): AsyncGenerator<readonly ListingMatch[]> {
  const { repository, tree, source, signal, problem, leftOut } = options;
  const nodesOf = async (id: string | undefined): Promise<Map<ByteString, TreeNode>> =>
    id === undefined ? new Map() : new Map((await repository.loadTree(id, { signal })).map((node) => [node.name, node]));
  /** Folders above the paths; what else they hold in the snapshot may be of another source. */
  const above = new Map([["/" as ByteString, await nodesOf(tree)]]);
  const open: OpenFolder[] = [];
  const leave = (matches: ListingMatch[]) => {
    const { path, nodes } = open.pop() as OpenFolder;
    for (const node of nodes.values()) matches.push({ entry: undefined, node, path: `${path}/${node.name}` as ByteString });
  };
  for await (const entries of source.list({ signal, problem, leftOut })) {
    const matches: ListingMatch[] = [];
    for (const entry of entries) {
      if (entry.path === "/") {
        if (entry.above !== true) open.push({ path: "" as ByteString, nodes: above.get(entry.path) ?? new Map() });
        continue;
      }
      const parent = folderOf(entry.path);
      while (open.length > 0 && open.at(-1)?.path !== (parent === "/" ? "" : parent)) leave(matches);
      const siblings = open.at(-1)?.nodes ?? above.get(parent);
      const name = baseName(entry.path);
      const node = siblings?.get(name);
      siblings?.delete(name);
      const nodes = entry.type === "dir" ? await nodesOf(node?.type === "dir" ? node.subtree : undefined) : new Map();
      if (entry.above === true) above.set(entry.path, nodes);
      else {
        matches.push({ entry, node });
        if (entry.type === "dir") open.push({ path: entry.path, nodes });
      }
    }
    if (matches.length > 0) yield matches;
  }
  const rest: ListingMatch[] = [];
  while (open.length > 0) leave(rest);
  if (rest.length > 0) yield rest;
}

/** How a backup would see it: a file that is neither new nor changed is not read. */
export function changeOf(entry: FileEntry, node: TreeNode | undefined): "new" | "changed" | "unmodified" {
  if (node === undefined) return "new";
  return isUnchanged(entry, node) ? "unmodified" : "changed";
}
