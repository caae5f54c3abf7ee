import type { ByteString, Clock, FileEntry, FileSource, ProgressListener, SourceProblem } from "@lifeboat/model";
import { isLifeboatError, LifeboatError } from "@lifeboat/model";
import type { Snapshot, TreeNode } from "../format/index.ts";
import type { BlobWriter } from "../repository/blob-writer.ts";
import type { Repository } from "../repository/repository.ts";
import { type ArchiveItem, createItem, nodeOfItem } from "./archive-item.ts";
import { ArchiveProgress } from "./archive-progress.ts";
import { CheckpointKeeper } from "./checkpoint-keeper.ts";
import { type Folder, FolderTree } from "./folder-tree.ts";
import { listThroughBreaks } from "./list-through-breaks.ts";
import { loadNodesByName } from "./load-nodes-by-name.ts";
import { baseName, extrasOfNode, folderOf, isBeginning, isUnchanged, nodeOfEntry } from "./node-of-entry.ts";
import { RangeReading } from "./range-reading.ts";
import { ReadQueue } from "./read-queue.ts";
import { Reconnects, type Setback } from "./reconnects.ts";
import { isComparable, isWhole } from "./stored-content.ts";

export interface ArchiveOptions {
  readonly repository: Repository;
  readonly writer: BlobWriter;
  readonly source: FileSource;
  /** What is unchanged since then is not read again. */
  readonly parent?: Snapshot | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
  /** Default: none are read or written. */
  readonly checkpoints?: ArchiveCheckpoints | undefined;
  /** A changed file is read whole although the source could have been asked for what differs; why, for a log. */
  readonly readWhole?: ((path: ByteString, reason: string) => void) | undefined;
  /** Told when the connection was lost, before the wait for the next attempt. */
  readonly connectionLost?: ((setback: Setback) => void) | undefined;
}

/** What a run leaves for the one that comes after it, should it be stopped. */
export interface ArchiveCheckpoints {
  /** The tree of the last checkpoint: what stands in it unchanged is not read again. It may be damaged, or gone. */
  readonly resume: string | undefined;
  /** Stores a checkpoint's tree, of which everything is durable and indexed. `contentBytes`: how much the next run will find. */
  save(tree: string, contentBytes: number): Promise<void>;
  /** One could not be read or written: the run goes on without it. */
  failed(error: unknown): void;
}

export interface ArchiveFigures {
  filesNew: number;
  filesChanged: number;
  filesUnmodified: number;
  dirsNew: number;
  dirsChanged: number;
  dirsUnmodified: number;
  totalFiles: number;
  totalBytes: number;
}

export interface ArchiveResult {
  readonly tree: string;
  readonly figures: ArchiveFigures;
  /** The first thousand; `problemCount` has all. */
  readonly problems: readonly SourceProblem[];
  readonly problemCount: number;
  /** Bytes of content that were not read thanks to a checkpoint. */
  readonly bytesResumed: number;
  /** Bytes of changed files that were not moved, because hashes said that they are as they were. */
  readonly bytesUnmoved: number;
  /** How often the connection was lost and the run went on over a new one. */
  readonly reconnects: number;
}

const maxProblemsKept = 1000;
/** A file that still changes at the third reading is stored as read and reported. */
const maxAttempts = 3;

/** Turns a listed source into trees and blobs. Nothing is committed: the caller finishes the writer and saves the snapshot. */
export async function archiveFiles(options: ArchiveOptions): Promise<ArchiveResult> {
  return new FileArchiver(options).run();
}

class FileArchiver {
  readonly #options: ArchiveOptions;
  readonly #tree: FolderTree;
  readonly #reads: ReadQueue;
  readonly #ranges: RangeReading;
  readonly #reconnects: Reconnects;
  readonly #progress: ArchiveProgress;
  /** Folders that stay open until the end: the root and those above the paths. */
  readonly #skeleton = new Map<ByteString, Folder>();
  /** The chain of folders that the listing is in. */
  #open: Folder[] = [];
  /** First name of each inode with several: "device:inode". */
  readonly #inodes = new Map<string, ArchiveItem>();
  readonly #figures: ArchiveFigures = {
    filesNew: 0,
    filesChanged: 0,
    filesUnmodified: 0,
    dirsNew: 0,
    dirsChanged: 0,
    dirsUnmodified: 0,
    totalFiles: 0,
    totalBytes: 0,
  };
  readonly #problems: SourceProblem[] = [];
  #problemCount = 0;
  readonly #keeper: CheckpointKeeper | undefined;
  #bytesResumed = 0;
  #bytesUnmoved = 0;
  /** Of finished files that the parent snapshot does not have so. */
  #bytesStored = 0;

  constructor(options: ArchiveOptions) {
    this.#options = options;
    this.#tree = new FolderTree(options.writer, (problem) => this.#report(problem));
    this.#progress = new ArchiveProgress(options.clock, options.progress);
    const { source, writer, repository, clock, signal, connectionLost: tell } = options;
    const onBytes = (item: ArchiveItem, bytes: number) => {
      this.#progress.read(item.entry, bytes);
      return this.#keeper?.received(bytes);
    };
    this.#reconnects = new Reconnects({ clock, signal, tell });
    this.#ranges = new RangeReading({
      ...{ source, writer, repository, signal, onBytes },
      onUnmoved: (item, bytes) => this.#progress.read(item.entry, bytes),
      onDeclined: (item, reason) => options.readWhole?.(item.entry.path, reason),
    });
    this.#reads = new ReadQueue({
      ...{ source, writer, signal, onBytes },
      reconnects: this.#reconnects,
      ranges: this.#ranges,
      onDropped: (bytes) => this.#progress.dropped(bytes),
      outcome: { read: (item) => this.#itemRead(item), lost: (item, kind, detail) => this.#itemLost(item, kind, detail) },
    });
    if (options.checkpoints !== undefined) this.#keeper = this.#createKeeper(options.checkpoints);
  }

  async run(): Promise<ArchiveResult> {
    const { source, signal } = this.#options;
    try {
      await this.#openRoot();
      const problem = (one: SourceProblem) => this.#report(one);
      for await (const entries of listThroughBreaks({ source, signal, reconnects: this.#reconnects, problem })) {
        for (const entry of entries) await this.#enter(entry);
        await this.#reads.room();
        await this.#options.writer.ready();
      }
      this.#progress.listed();
      for (const folder of this.#open.reverse()) this.#tree.done(folder);
      await this.#reads.finish();
      await this.#keeper?.finish();
      for (const folder of [...this.#skeleton.values()].reverse()) this.#tree.done(folder);
    } catch (error) {
      await this.#reads.stop();
      await this.#keeper?.finish();
      throw error;
    } finally {
      await this.#ranges.close();
    }
    const tree = this.#tree.rootId;
    if (tree === undefined) throw new Error("the root of the snapshot was not finished");
    return {
      tree,
      figures: { ...this.#figures, ...this.#tree.figures },
      problems: this.#problems,
      problemCount: this.#problemCount,
      bytesResumed: this.#bytesResumed,
      bytesUnmoved: this.#bytesUnmoved,
      reconnects: this.#reconnects.count,
    };
  }

  #createKeeper(checkpoints: ArchiveCheckpoints): CheckpointKeeper {
    return new CheckpointKeeper({
      take: () => {
        const nodes = new Map<Folder, TreeNode[]>();
        let missingBytes = 0;
        for (const reading of this.#reads.readings) missingBytes += reading.collect(nodes);
        let contentBytes = this.#bytesStored;
        for (const { size } of [...nodes.values()].flat()) contentBytes += size;
        return { ...this.#tree.savePartial(nodes), missingBytes, contentBytes };
      },
      store: async ({ tree, contentBytes }) => {
        await this.#options.writer.makeDurable();
        await checkpoints.save(tree, contentBytes);
      },
      failed: (error) => checkpoints.failed(error),
    });
  }

  async #openRoot(): Promise<void> {
    const { parent, checkpoints } = this.#options;
    const previousNodes = parent === undefined ? new Map() : await this.#nodesOf(parent.tree);
    const resumedNodes = await this.#resumedNodesOf(checkpoints?.resume);
    const path = "/" as ByteString;
    const root = { path, entry: undefined, parent: undefined, previous: undefined, previousNodes, resumedNodes };
    this.#skeleton.set(path, this.#tree.open(root));
  }

  async #enter(entry: FileEntry): Promise<void> {
    // The root folder has no node in a snapshot; restic leaves its metadata out as well.
    if (entry.path === "/") return;
    const folder = this.#folderFor(entry.path);
    const name = baseName(entry.path);
    const previous = folder.previousNodes.get(name);
    const resumed = folder.resumedNodes.get(name);
    if (entry.type === "dir") await this.#enterFolder(entry, folder, previous, resumed);
    else if (entry.type !== "socket") this.#enterOther(entry, folder, previous, resumed);
  }

  /** Closes the folders that the listing has left. */
  #folderFor(path: ByteString): Folder {
    const wanted = folderOf(path);
    for (let last = this.#open.at(-1); last !== undefined && last.path !== wanted; last = this.#open.at(-1)) {
      this.#open.pop();
      this.#tree.done(last);
    }
    const folder = this.#open.at(-1) ?? this.#skeleton.get(wanted);
    if (folder === undefined) {
      throw new LifeboatError(
        "command-failed",
        `the listing of ${this.#options.source.name} is out of order at ${JSON.stringify(path).slice(0, 200)}`,
      );
    }
    return folder;
  }

  async #enterFolder(
    entry: FileEntry,
    parent: Folder,
    previous: TreeNode | undefined,
    resumed: TreeNode | undefined,
  ): Promise<void> {
    const known = previous?.type === "dir" ? previous : undefined;
    const previousNodes = known?.subtree === undefined ? new Map() : await this.#nodesOf(known.subtree);
    const isResumed = resumed?.type === "dir" && resumed.subtree !== known?.subtree;
    const resumedNodes = await this.#resumedNodesOf(isResumed ? resumed.subtree : undefined);
    const folder = this.#tree.open({ path: entry.path, entry, parent, previous: known, previousNodes, resumedNodes });
    if (entry.above === true) this.#skeleton.set(entry.path, folder);
    else this.#open.push(folder);
    if (isUnchanged(entry, known)) folder.extras = extrasOfNode(known);
    else if (isUnchanged(entry, resumed)) folder.extras = extrasOfNode(resumed);
    else {
      folder.waiting++;
      this.#reads.add(createItem(folder, entry, known));
    }
  }

  #enterOther(entry: FileEntry, folder: Folder, previous: TreeNode | undefined, resumed: TreeNode | undefined): void {
    this.#progress.found(entry);
    if (isUnchanged(entry, previous) && this.#hasContent(previous)) {
      this.#count("filesUnmodified", entry);
      this.#takeKnown(entry, folder, previous);
      return;
    }
    if (isUnchanged(entry, resumed) && this.#hasContent(resumed)) {
      // Told by the parent snapshot: a checkpoint is no state that anybody has seen.
      this.#count(previous === undefined ? "filesNew" : "filesChanged", entry);
      this.#resumedFrom(resumed);
      this.#takeKnown(entry, folder, resumed);
      return;
    }
    folder.waiting++;
    const item = createItem(folder, entry, previous);
    const { repository, source } = this.#options;
    if (source.readRest !== undefined && isBeginning(entry, resumed) && isWhole(repository.index, resumed)) {
      item.resume = resumed;
      item.checkpointBytes = resumed.size;
      this.#progress.read(entry, resumed.size);
    }
    if (isComparable(repository.index, entry, previous, source.ranges?.fromBytes)) item.base = previous;
    if (entry.type === "file" && entry.links > 1 && this.#joinsInode(item)) return;
    this.#reads.add(item);
  }

  #takeKnown(entry: FileEntry, folder: Folder, node: TreeNode): void {
    this.#progress.done(entry);
    const content = node.content === undefined ? {} : { content: node.content, bytes: node.size };
    this.#tree.add(folder, nodeOfEntry(entry, extrasOfNode(node), content));
  }

  #resumedFrom(node: TreeNode): void {
    if (node.type !== "file") return;
    this.#bytesResumed += node.size;
    this.#bytesStored += node.size;
  }

  /** True when another name of the same inode is read already: one reading serves all names. */
  #joinsInode(item: ArchiveItem): boolean {
    const key = `${item.entry.device}:${item.entry.inode}`;
    const first = this.#inodes.get(key);
    // A name listed after the inode was written to is another state of it and is read by itself.
    if (first !== undefined && !isSameState(first.entry, item.entry)) return false;
    if (first === undefined) {
      this.#inodes.set(key, item);
      return false;
    }
    if (first.isStored) this.#addLink(first, item);
    else first.links.push(item);
    return true;
  }

  #addLink(first: ArchiveItem, link: ArchiveItem): void {
    link.extras = first.extras;
    link.content = first.content;
    link.bytes = first.bytes;
    this.#store(link);
  }

  /** A missing blob makes the file be read again, which heals older snapshots too. */
  #hasContent(previous: TreeNode): boolean {
    return previous.content === undefined || previous.content.every((id) => this.#options.repository.index.has(id, "data"));
  }

  #itemRead(item: ArchiveItem): void {
    item.attempts++;
    if (item.verdict === "torn" && item.attempts < maxAttempts) {
      item.entry = item.next ?? item.entry;
      this.#reads.add(item);
      return;
    }
    if (item.verdict === "torn" && item.content === undefined) {
      const detail = `could not be read whole in ${item.attempts} attempts: it comes and goes, or outgrows its listing`;
      this.#itemLost(item, "unreadable", detail);
      return;
    }
    // A torn one keeps the times from before its last reading: they never fit again, so the next run reads it.
    if (item.verdict === "torn") {
      const detail = `changed while it was read, ${item.attempts} times; what is stored may be torn`;
      this.#report({ path: item.entry.path, kind: "changed", detail });
    }
    if (item.entry.type === "dir") {
      item.folder.extras = item.extras;
      this.#tree.done(item.folder);
      return;
    }
    this.#store(item);
    for (const link of item.links.splice(0)) this.#addLink(item, link);
  }

  #store(item: ArchiveItem): void {
    item.isStored = true;
    this.#bytesUnmoved += item.unmovedBytes;
    this.#bytesResumed += item.checkpointBytes;
    this.#bytesStored += item.bytes;
    this.#count(item.previous === undefined ? "filesNew" : "filesChanged", item.entry, item.bytes);
    this.#progress.done(item.entry);
    const content = item.content === undefined ? {} : { content: item.content, bytes: item.bytes };
    this.#tree.add(item.folder, nodeOfItem(item, item.extras, content));
    this.#tree.done(item.folder);
  }

  #itemLost(item: ArchiveItem, kind: "vanished" | "unreadable", detail: string): void {
    this.#report({ path: item.entry.path, kind, detail });
    if (item.entry.type === "file" && item.entry.links > 1) {
      // Another name of the inode may still be readable.
      const [next, ...rest] = item.links.splice(0);
      this.#inodes.delete(`${item.entry.device}:${item.entry.inode}`);
      if (next !== undefined) {
        for (const link of rest) next.links.push(link);
        this.#inodes.set(`${item.entry.device}:${item.entry.inode}`, next);
        this.#reads.add(next);
      }
    }
    // A folder without readable attributes still has its listing; anything else is left out.
    if (item.entry.type === "dir") item.folder.extras = undefined;
    this.#tree.done(item.folder);
  }

  #count(kind: "filesNew" | "filesChanged" | "filesUnmodified", entry: FileEntry, bytes = entry.size): void {
    if (entry.type !== "file") return;
    this.#figures[kind]++;
    this.#figures.totalFiles++;
    this.#figures.totalBytes += bytes;
  }

  #report(problem: SourceProblem): void {
    this.#problemCount++;
    this.#progress.error();
    if (this.#problems.length < maxProblemsKept) this.#problems.push(problem);
  }

  /** Whatever is wrong with a checkpoint, e.g. that prune took its blobs, costs only what it would have saved. */
  async #resumedNodesOf(tree: string | undefined): Promise<Map<ByteString, TreeNode>> {
    const { repository, signal, checkpoints } = this.#options;
    if (tree === undefined) return new Map();
    return loadNodesByName(repository, tree, signal, (error) => {
      checkpoints?.failed(error);
      return true;
    });
  }

  /** A damaged folder of the parent must not stop the backup: it is read anew, which is what heals it. */
  #nodesOf(tree: string): Promise<Map<ByteString, TreeNode>> {
    const { repository, signal } = this.#options;
    return loadNodesByName(repository, tree, signal, (error) => isLifeboatError(error, "repository-damaged"));
  }
}

function isSameState(a: FileEntry, b: FileEntry): boolean {
  return a.ctime === b.ctime && a.mtime === b.mtime && a.size === b.size;
}
