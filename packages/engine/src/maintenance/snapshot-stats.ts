import type { ByteString } from "@lifeboat/model";
import { sealOverheadBytes, sha256Hex } from "../crypto/index.ts";
import type { Snapshot, TreeNode } from "../format/index.ts";
import { BlobIndex } from "../repository/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import { findUsedBlobs } from "./find-used-blobs.ts";
import { walkTrees } from "./walk-trees.ts";

/** restic's modes of counting. */
export const statsModes = ["restore-size", "files-by-contents", "blobs-per-file", "raw-data"] as const;
export type StatsMode = (typeof statsModes)[number];

/** Bytes and counts; which of them a mode gives is restic's choice, too. */
export interface SnapshotStats {
  readonly snapshots: number;
  readonly bytes: number;
  readonly files?: number;
  readonly blobs?: number;
  readonly uncompressedBytes?: number;
  /** Of the blobs that are compressed. */
  readonly compressionRatio?: number;
  /** Share of the uncompressed bytes that lies in compressed blobs, 0 to 100. */
  readonly compressionProgress?: number;
  /** 0 to 100. */
  readonly spaceSaving?: number;
}

/** Errors: `repository-damaged` for a folder or blob that is not there. */
export async function snapshotStats(
  repository: Repository,
  snapshots: readonly Snapshot[],
  mode: StatsMode,
  options: { readonly signal: AbortSignal; readonly onTree?: () => void },
): Promise<SnapshotStats> {
  await repository.loadIndex(options);
  const count = { restoreSize, filesByContents, blobsPerFile, rawData };
  const name = mode.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()) as keyof typeof count;
  return { snapshots: snapshots.length, ...(await count[name](repository, snapshots, options)) };
}

type Counted = Omit<SnapshotStats, "snapshots">;
interface CountOptions {
  readonly signal: AbortSignal;
  readonly onTree?: () => void;
}

const rootsOf = (snapshots: readonly Snapshot[]) => snapshots.map(({ id, tree }) => ({ tree, snapshot: id }));

/** What a restore of each of them would write: the names of one inode count once in each snapshot. */
async function restoreSize(repository: Repository, snapshots: readonly Snapshot[], options: CountOptions): Promise<Counted> {
  /** Folders without inodes of several names below them count the same wherever they stand. */
  const simple = new Map<string, { nodes: number; bytes: number }>();
  const countFolder = async (tree: string, inodes: Set<string>): Promise<{ nodes: number; bytes: number; isSimple: boolean }> => {
    const known = simple.get(tree);
    if (known !== undefined) return { ...known, isSimple: true };
    const sum = { nodes: 0, bytes: 0, isSimple: true };
    options.onTree?.();
    for (const node of await repository.loadTree(tree, options)) {
      sum.nodes++;
      if (node.type !== "dir" && node.links > 1 && node.inode !== "0") {
        sum.isSimple = false;
        const inode = `${node.deviceId}:${node.inode}`;
        if (!inodes.has(inode)) sum.bytes += node.size;
        inodes.add(inode);
      } else sum.bytes += node.size;
      if (node.type !== "dir" || node.subtree === undefined) continue;
      const below = await countFolder(node.subtree, inodes);
      sum.nodes += below.nodes;
      sum.bytes += below.bytes;
      sum.isSimple &&= below.isSimple;
    }
    if (sum.isSimple) simple.set(tree, { nodes: sum.nodes, bytes: sum.bytes });
    return sum;
  };
  let files = 0;
  let bytes = 0;
  for (const { tree } of snapshots) {
    const found = await countFolder(tree, new Set());
    files += found.nodes;
    bytes += found.bytes;
  }
  return { files, bytes };
}

/** Files of equal content count once; all that has no content is one of them, as restic counts. */
async function filesByContents(repository: Repository, snapshots: readonly Snapshot[], options: CountOptions): Promise<Counted> {
  const seen = new Set<string>();
  let bytes = 0;
  await walkTrees({
    repository,
    roots: rootsOf(snapshots),
    visited: new BlobIndex(),
    signal: options.signal,
    onTree: (_, nodes) => {
      options.onTree?.();
      for (const node of nodes) if (isNew(seen, node)) bytes += node.size;
    },
  });
  return { files: seen.size, bytes };
}

/** Blobs of files of distinct content; a path counts a blob once. */
async function blobsPerFile(repository: Repository, snapshots: readonly Snapshot[], options: CountOptions): Promise<Counted> {
  const seen = new Set<string>();
  const byPath = new Map<ByteString, Set<string>>();
  let bytes = 0;
  let blobs = 0;
  await walkTrees({
    repository,
    roots: rootsOf(snapshots),
    visited: new BlobIndex(),
    signal: options.signal,
    onTree: (place, nodes) => {
      options.onTree?.();
      for (const node of nodes) {
        if (!isNew(seen, node) || node.content === undefined || node.content.length === 0) continue;
        const path = `${place.path}/${node.name}` as ByteString;
        const known = byPath.get(path) ?? new Set();
        byPath.set(path, known);
        for (const id of node.content) {
          if (known.has(id)) continue;
          known.add(id);
          blobs++;
          bytes += plainBytesOf(repository, id);
        }
      }
    },
  });
  return { files: byPath.size, blobs, bytes };
}

/** What the blobs of these snapshots occupy, each once. */
async function rawData(repository: Repository, snapshots: readonly Snapshot[], options: CountOptions): Promise<Counted> {
  const used = await findUsedBlobs(repository, rootsOf(snapshots), { signal: options.signal, onTree: () => options.onTree?.() });
  const counted = new BlobIndex();
  let [blobs, bytes, uncompressedBytes, compressed, compressedPlain] = [0, 0, 0, 0, 0];
  for (const { id, type, length, uncompressedLength } of repository.index.entries()) {
    if (!used.has(id, type) || !counted.claim(id, type)) continue;
    const plain = uncompressedLength === 0 ? length : uncompressedLength + sealOverheadBytes;
    blobs++;
    bytes += length;
    uncompressedBytes += plain;
    if (uncompressedLength === 0) continue;
    compressed += length;
    compressedPlain += plain;
  }
  return {
    blobs,
    bytes,
    uncompressedBytes,
    ...(compressed > 0 && { compressionRatio: compressedPlain / compressed }),
    ...(uncompressedBytes > 0 && {
      compressionProgress: (compressedPlain / uncompressedBytes) * 100,
      spaceSaving: (1 - bytes / uncompressedBytes) * 100,
    }),
  };
}

function isNew(seen: Set<string>, { content = [] }: TreeNode): boolean {
  const key = content.length < 2 ? (content[0] ?? "") : sha256Hex(Buffer.from(content.join()));
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

function plainBytesOf(repository: Repository, id: string): number {
  const location = repository.index.locate(id, "data");
  if (location === undefined) throw repository.damaged("blob", id, "it is in no index");
  return location.uncompressedLength === 0 ? location.length - sealOverheadBytes : location.uncompressedLength;
}
