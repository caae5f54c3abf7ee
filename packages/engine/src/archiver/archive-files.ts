import type { ByteString, Clock, FileEntry, FileSource, ProgressListener, SourceProblem } from "@lifeboat/model";
import { LifeboatError } from "@lifeboat/model";
import type { Snapshot, TreeNode } from "../format/index.ts";
import type { BlobWriter } from "../repository/blob-writer.ts";
import type { Repository } from "../repository/repository.ts";
import { type ArchiveItem, createItem } from "./archive-item.ts";
import { ArchiveProgress } from "./archive-progress.ts";
import { type Folder, FolderTree } from "./folder-tree.ts";
import { baseName, extrasOfNode, folderOf, isUnchanged, nodeOfEntry } from "./node-of-entry.ts";
import { ReadQueue } from "./read-queue.ts";

export interface ArchiveOptions {
  readonly repository: Repository;
  readonly writer: BlobWriter;
  readonly source: FileSource;
  /** What is unchanged since then is not read again. */
  readonly parent?: Snapshot | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly progress?: ProgressListener | undefined;
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

  constructor(options: ArchiveOptions) {
    this.#options = options;
    this.#tree = new FolderTree(options.writer);
    this.#progress = new ArchiveProgress(options.clock, options.progress);
    this.#reads = new ReadQueue({
      source: options.source,
      writer: options.writer,
      signal: options.signal,
      onBytes: (item, bytes) => this.#progress.read(item.entry, bytes),
      outcome: { read: (item) => this.#itemRead(item), lost: (item, kind, detail) => this.#itemLost(item, kind, detail) },
    });
  }

  async run(): Promise<ArchiveResult> {
    const { source, signal } = this.#options;
    try {
      await this.#openRoot();
      for await (const entries of source.list({ signal, problem: (problem) => this.#report(problem) })) {
        for (const entry of entries) await this.#enter(entry);
        await this.#reads.room();
        await this.#options.writer.ready();
      }
      this.#progress.listed();
      for (const folder of this.#open.reverse()) this.#tree.done(folder);
      await this.#reads.finish();
      for (const folder of [...this.#skeleton.values()].reverse()) this.#tree.done(folder);
    } catch (error) {
      await this.#reads.stop();
      throw error;
    }
    const tree = this.#tree.rootId;
    if (tree === undefined) throw new Error("the root of the snapshot was not finished");
    return {
      tree,
      figures: { ...this.#figures, ...this.#tree.figures },
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }

  async #openRoot(): Promise<void> {
    const { parent } = this.#options;
    const previousNodes = parent === undefined ? new Map() : await this.#nodesOf(parent.tree);
    const path = "/" as ByteString;
    this.#skeleton.set(path, this.#tree.open({ path, entry: undefined, parent: undefined, previous: undefined, previousNodes }));
  }

  async #enter(entry: FileEntry): Promise<void> {
    // The root folder has no node in a snapshot; restic leaves its metadata out as well.
    if (entry.path === "/") return;
    const folder = this.#folderFor(entry.path);
    const previous = folder.previousNodes.get(baseName(entry.path));
    if (entry.type === "dir") await this.#enterFolder(entry, folder, previous);
    else if (entry.type !== "socket") this.#enterOther(entry, folder, previous);
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

  async #enterFolder(entry: FileEntry, parent: Folder, previous: TreeNode | undefined): Promise<void> {
    const known = previous?.type === "dir" ? previous : undefined;
    const previousNodes = known?.subtree === undefined ? new Map() : await this.#nodesOf(known.subtree);
    const folder = this.#tree.open({ path: entry.path, entry, parent, previous: known, previousNodes });
    if (entry.above === true) this.#skeleton.set(entry.path, folder);
    else this.#open.push(folder);
    if (isUnchanged(entry, known)) folder.extras = extrasOfNode(known);
    else {
      folder.waiting++;
      this.#reads.add(createItem(folder, entry, known));
    }
  }

  #enterOther(entry: FileEntry, folder: Folder, previous: TreeNode | undefined): void {
    this.#progress.found(entry);
    if (isUnchanged(entry, previous) && this.#hasContent(previous)) {
      this.#count("filesUnmodified", entry);
      this.#progress.done(entry);
      const content = previous.content === undefined ? {} : { content: previous.content, bytes: previous.size };
      this.#tree.add(folder, nodeOfEntry(entry, extrasOfNode(previous), content));
      return;
    }
    folder.waiting++;
    const item = createItem(folder, entry, previous);
    if (entry.type === "file" && entry.links > 1 && this.#joinsInode(item)) return;
    this.#reads.add(item);
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
      this.#itemLost(item, "vanished", `could not be read in ${item.attempts} attempts: it comes and goes`);
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
    this.#count(item.previous === undefined ? "filesNew" : "filesChanged", item.entry, item.bytes);
    this.#progress.done(item.entry);
    const content = item.content === undefined ? {} : { content: item.content, bytes: item.bytes };
    this.#tree.add(item.folder, nodeOfEntry(item.entry, item.extras, content));
    this.#tree.done(item.folder);
  }

  #itemLost(item: ArchiveItem, kind: "vanished" | "unreadable", detail: string): void {
    this.#report({ path: item.entry.path, kind, detail });
    if (item.entry.type === "file" && item.entry.links > 1) {
      // Another name of the inode may still be readable.
      const [next, ...rest] = item.links.splice(0);
      this.#inodes.delete(`${item.entry.device}:${item.entry.inode}`);
      if (next !== undefined) {
        next.links.push(...rest);
        this.#inodes.set(`${item.entry.device}:${item.entry.inode}`, next);
        this.#reads.add(next);
      }
    }
    // A folder without readable attributes still has its listing; anything else is left out.
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

  async #nodesOf(tree: string): Promise<Map<ByteString, TreeNode>> {
    try {
      const nodes = await this.#options.repository.loadTree(tree, { signal: this.#options.signal });
      return new Map(nodes.map((node) => [node.name, node]));
    } catch (error) {
      this.#options.signal.throwIfAborted();
      // A damaged folder of the parent must not stop the backup: it is read anew, which is what heals it.
      if (error instanceof LifeboatError && error.code === "repository-damaged") return new Map();
      throw error;
    }
  }
}

function isSameState(a: FileEntry, b: FileEntry): boolean {
  return a.ctime === b.ctime && a.mtime === b.mtime && a.size === b.size;
}
