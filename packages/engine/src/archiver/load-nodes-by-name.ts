import type { ByteString } from "@lifeboat/model";
import type { TreeNode } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";

/** What an earlier tree has in one folder; nothing when `isForgiven` says so of what stops it from being read. */
export async function loadNodesByName(
  repository: Repository,
  tree: string,
  signal: AbortSignal,
  isForgiven: (error: unknown) => boolean,
): Promise<Map<ByteString, TreeNode>> {
  try {
    const nodes = await repository.loadTree(tree, { signal });
    return new Map(nodes.map((node) => [node.name, node]));
  } catch (error) {
    signal.throwIfAborted();
    if (isForgiven(error)) return new Map();
    throw error;
  }
}
