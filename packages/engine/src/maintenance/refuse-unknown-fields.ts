import { type ByteString, displayName, LifeboatError } from "@lifeboat/model";
import { encodeTree, type TreeNode } from "../format/index.ts";
import type { Repository } from "../repository/repository.ts";

/**
 * Before a folder is written anew. As restic: one that cannot be written again byte for byte holds something that would be lost without a
 * word, e.g. attributes of Windows. Errors: `repository-unsupported`.
 */
export async function refuseUnknownFields(
  repository: Repository,
  { tree, path, nodes }: { readonly tree: string; readonly path: ByteString; readonly nodes: readonly TreeNode[] },
  command: "rewrite" | "repair snapshots",
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const bytes = await repository.loadBlob(tree, "tree", options);
  if (encodeTree(nodes).equals(bytes)) return;
  throw new LifeboatError(
    "repository-unsupported",
    `folder ${displayName(path) || "/"} (tree ${tree}) holds what Lifeboat does not know and would lose; nothing was changed`,
    { hint: `Use a later version, or 'restic ${command}' of the program that wrote it.` },
  );
}
