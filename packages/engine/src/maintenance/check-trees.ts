import { type ByteString, displayName } from "@lifeboat/model";
import { isId, type TreeNode } from "../format/index.ts";
import { BlobIndex, type BlobLocation } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import type { AffectedFile, CheckErrors } from "./check-report.ts";
import { type TreePlace, walkTrees } from "./walk-trees.ts";

export interface Root {
  readonly tree: string;
  readonly snapshot: string;
}

const knownTypes = new Set(["file", "dir", "symlink", "dev", "chardev", "fifo", "socket"]);
const maxAffectedKept = 100;

/** Walks each distinct folder once: it can be read, its nodes are whole, all that they name is in the index. Returns how many. */
export async function checkTrees(
  repository: Repository,
  roots: readonly Root[],
  errors: CheckErrors,
  options: { readonly signal: AbortSignal; readonly onTree?: (trees: number) => void },
): Promise<number> {
  let trees = 0;
  await walkTrees({
    repository,
    roots,
    visited: new BlobIndex(),
    signal: options.signal,
    onTree: (place, nodes) => {
      trees++;
      for (const node of nodes) checkNode(repository, place, node, errors);
      options.onTree?.(trees);
    },
    onDamage: (place, error) => {
      const kind = repository.index.has(place.tree, "tree") ? "tree-damaged" : "tree-missing";
      errors.add(kind, place.tree, `folder ${pathText(place.path)} of snapshot ${place.snapshot}: ${error.message}`);
    },
  });
  return trees;
}

function checkNode(repository: Repository, place: TreePlace, node: TreeNode, errors: CheckErrors): void {
  const where = () => `${pathText(`${place.path}/${node.name}` as ByteString)} of snapshot ${place.snapshot}`;
  const invalid = (reason: string) => errors.add("node-invalid", place.tree, `${where()} ${reason}`);
  if (!knownTypes.has(node.type)) invalid(`has the unknown type ${JSON.stringify(node.type).slice(0, 100)}`);
  if (node.type === "dir" && (node.subtree === undefined || !isId(node.subtree))) invalid("is a folder without a subtree");
  if (node.type !== "file") return;
  if (node.content === undefined) invalid("is a file without a list of blobs");
  // Once for each: a sparse file names one blob thousands of times.
  const missing = new Set<string>();
  for (const id of node.content ?? []) {
    if (typeof id !== "string" || !isId(id)) invalid("names a blob that is none");
    else if (!repository.index.has(id, "data")) missing.add(id);
  }
  for (const id of missing) errors.add("blob-missing", id, `a blob of ${where()} is in no index`);
}

/** Files of which a blob lies in no sound pack; of each the newest snapshot that holds it. */
export async function findAffectedFiles(
  repository: Repository,
  roots: readonly Root[],
  badPacks: CheckErrors["badPacks"],
  signal: AbortSignal,
): Promise<{ affected: AffectedFile[]; affectedCount: number }> {
  const affected: AffectedFile[] = [];
  let affectedCount = 0;
  await walkTrees({
    repository,
    roots,
    visited: new BlobIndex(),
    signal,
    onTree: (place, nodes) => {
      for (const { name, content } of nodes) {
        const pack = content && lostPackOf(repository, content, badPacks);
        if (pack === undefined) continue;
        affectedCount++;
        if (affected.length < maxAffectedKept) {
          affected.push({ snapshot: place.snapshot, path: `${place.path}/${name}` as ByteString, pack });
        }
      }
    },
    // Told by the walk before.
    onDamage: () => {},
  });
  return { affected, affectedCount };
}

function lostPackOf(repository: Repository, content: readonly string[], badPacks: CheckErrors["badPacks"]): string | undefined {
  for (const id of content) {
    const copies = repository.index.locateAll(id, "data");
    if (copies.length > 0 && copies.every((copy) => isLost(copy, badPacks))) return copies[0]!.packId;
  }
  return undefined;
}

function isLost({ id, packId }: BlobLocation, badPacks: CheckErrors["badPacks"]): boolean {
  const bad = badPacks.get(packId);
  return bad === "all" || bad?.has(id) === true;
}

function pathText(path: ByteString): string {
  return path === "" ? "/" : displayName(path);
}
