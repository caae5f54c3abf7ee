import { type ByteString, isLifeboatError, LifeboatError } from "@lifeboat/model";
import { decodeTree, isId, type TreeNode } from "../format/index.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";

/** A folder to be visited, by the first way that led to it. */
export interface TreePlace {
  readonly tree: string;
  /** Absolute, without a slash at the end; "" for the root. */
  readonly path: ByteString;
  /** Id of the snapshot. */
  readonly snapshot: string;
}

export interface WalkOptions {
  readonly repository: Repository;
  readonly roots: readonly { readonly tree: string; readonly snapshot: string }[];
  /** Folders that were visited before are passed over; new ones are added. */
  readonly visited: BlobIndex;
  readonly signal?: AbortSignal | undefined;
  /** `bytes` are the folder's own, as hashed. */
  readonly onTree: (place: TreePlace, nodes: readonly TreeNode[], bytes: Buffer) => void | Promise<void>;
  /** For a folder that is missing or damaged. Without it the walk ends with the error. Other errors always end it. */
  readonly onDamage?: (place: TreePlace, error: LifeboatError) => void;
}

/** Several at once hide the store's latency; more would push each other's packs out of the cache. */
const treesAtOnce = 3;
/** No sane tree is deeper. */
const maxDepth = 4096;

/** Visits each distinct folder below the roots once, in about the order in which they were stored. */
export async function walkTrees(options: WalkOptions): Promise<void> {
  const { roots, visited, signal } = options;
  const stack: (TreePlace & { depth: number })[] = [];
  for (const { tree, snapshot } of [...roots].reverse()) stack.push({ tree, snapshot, path: "" as ByteString, depth: 0 });
  let active = 0;
  let failure: { error: unknown } | undefined;
  await new Promise<void>((resolve, reject) => {
    const pump = () => {
      while (failure === undefined && active < treesAtOnce) {
        const place = stack.pop();
        if (place === undefined) break;
        if (!visited.claim(place.tree, "tree")) continue;
        active++;
        visit(place)
          .catch((error: unknown) => {
            failure ??= { error };
          })
          .finally(() => {
            active--;
            pump();
          });
      }
      // Nothing is under way any more when this ends, also after a failure.
      if (active > 0) return;
      if (failure !== undefined) reject(failure.error);
      else resolve();
    };
    const visit = async (place: TreePlace & { depth: number }) => {
      signal?.throwIfAborted();
      const found = await loadTree(options, place);
      if (found === undefined) return;
      await options.onTree(place, found.nodes, found.bytes);
      if (place.depth >= maxDepth)
        throw new LifeboatError("repository-damaged", `folders deeper than ${maxDepth} in snapshot ${place.snapshot}`);
      for (let at = found.nodes.length - 1; at >= 0; at--) {
        const { type, subtree, name } = found.nodes[at]!;
        // What is wrong with a folder's node is for `onTree` to say.
        if (type !== "dir" || subtree === undefined || !isId(subtree)) continue;
        const path = `${place.path}/${name}` as ByteString;
        stack.push({ tree: subtree, snapshot: place.snapshot, path, depth: place.depth + 1 });
      }
    };
    pump();
  });
}

async function loadTree(
  { repository, signal, onDamage }: WalkOptions,
  place: TreePlace,
): Promise<{ nodes: TreeNode[]; bytes: Buffer } | undefined> {
  try {
    const bytes = await repository.loadBlob(place.tree, "tree", { signal });
    try {
      return { nodes: decodeTree(bytes), bytes };
    } catch (error) {
      throw repository.damaged("tree", place.tree, error);
    }
  } catch (error) {
    if (onDamage === undefined || !isDamage(error)) throw error;
    onDamage(place, error);
    return undefined;
  }
}

/** Damage of the repository itself, which trying again does not mend. */
export function isDamage(error: unknown): error is LifeboatError {
  return isLifeboatError(error, "repository-damaged") || isLifeboatError(error, "object-missing");
}
