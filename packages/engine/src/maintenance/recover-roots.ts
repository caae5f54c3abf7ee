import { type ByteString, type Clock, type ProgressListener, rfc3339FromMilliseconds } from "@lifeboat/model";
import { encodeTree, type Snapshot, sortNodes, type TreeNode } from "../format/index.ts";
import { BlobIndex } from "../repository/blob-index.ts";
import { BlobWriter } from "../repository/blob-writer.ts";
import type { Repository } from "../repository/repository.ts";
import { createProgressReporter } from "./progress-reporter.ts";
import { isDamage } from "./walk-trees.ts";

export interface FindRootsOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
}

export interface LostRoots {
  /** Ids of folders that stand in no other folder and in no snapshot. */
  readonly roots: readonly string[];
  /** Folders that cannot be read: what they held may show as a root. */
  readonly unreadable: number;
}

/** What somebody's forgotten or lost snapshots named, as long as no prune has removed it. Only reads. */
export async function findLostRoots(repository: Repository, options: FindRootsOptions): Promise<LostRoots> {
  const { signal } = options;
  const reporter = createProgressReporter(options.clock, options.progress);
  const snapshots = await repository.listSnapshots({ signal });
  await repository.loadIndex({ signal });
  const named = new BlobIndex();
  for (const { tree } of snapshots) named.claim(tree, "tree");
  const trees = new BlobIndex();
  const ids: string[] = [];
  for (const { id, type } of repository.index.entries()) if (type === "tree" && trees.claim(id, "tree")) ids.push(id);
  let unreadable = 0;
  for (const [at, id] of ids.entries()) {
    signal.throwIfAborted();
    try {
      for (const { subtree } of await repository.loadTree(id, { signal })) {
        if (subtree !== undefined) named.claim(subtree, "tree");
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
      unreadable++;
      named.claim(id, "tree");
    }
    reporter.tell(() => ({ phase: "looking at folders", percent_done: (at + 1) / ids.length }));
  }
  return { roots: ids.filter((id) => !named.has(id, "tree")), unreadable };
}

export interface RecoverOptions {
  readonly roots: readonly string[];
  readonly hostname: string;
  readonly username: string;
  readonly programVersion: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/**
 * One snapshot with a folder for each root, as restic's `recover` makes it. Order: the folder and its index, then the snapshot; a kill in
 * between leaves a folder that nothing names. Nothing is removed.
 */
export async function recoverRoots(repository: Repository, options: RecoverOptions): Promise<Snapshot> {
  const { roots, hostname, username, programVersion, signal } = options;
  const time = rfc3339FromMilliseconds(options.clock.now());
  const nodes = roots.map((subtree): TreeNode => {
    const name = subtree.slice(0, 8) as ByteString;
    const owner = { uid: 0, gid: 0, user: "", group: "" };
    const times = { mtime: time, atime: time, ctime: time };
    // Go's bit for a folder, and rwxr-xr-x.
    const mode = 0x80000000 + 0o755;
    return { name, type: "dir", mode, ...times, ...owner, inode: "0", deviceId: "0", size: 0, links: 0, subtree };
  });
  const distinct = sortNodes(nodes).filter(({ name }, at) => at === 0 || nodes[at - 1]!.name !== name);
  const writer = new BlobWriter(repository, { signal });
  try {
    const tree = writer.saveTree(encodeTree(distinct));
    await writer.finish();
    const fields = { time, tree, paths: ["/recover"], hostname, username, tags: ["recovered"], program_version: programVersion };
    return await repository.saveSnapshot(fields);
  } finally {
    await writer.close();
  }
}
