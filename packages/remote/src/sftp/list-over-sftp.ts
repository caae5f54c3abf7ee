import type { ByteString, FileEntry, SourceProblem } from "@lifeboat/model";
import { displayName, globToRegex, LifeboatError } from "@lifeboat/model";
import { foldersAbove, isBelow } from "../files/source-paths.ts";
import { TreeOrder } from "../files/tree-order.ts";
import { asStatus, type FolderContent, type FolderContext, readFolder } from "./read-folder.ts";
import type { SftpClient } from "./sftp-client.ts";
import { entryOfAttributes, isLink } from "./sftp-entry.ts";
import { SftpStatus } from "./sftp-status.ts";

/** Folders that are read at once, and entries that may wait for their turn. */
const maxFoldersAtOnce = 16;
const maxWaitingEntries = 100_000;
const maxBatch = 1000;

export interface SftpListContext {
  readonly client: SftpClient;
  readonly machineName: string;
  /** Normalized, absolute, without doubles. */
  readonly paths: readonly ByteString[];
  readonly exclude: readonly string[];
  readonly signal: AbortSignal;
  readonly problem: (problem: SourceProblem) => void;
}

/** Depth first, as the contract of `FileSource` says. Folders are read ahead, so that a round trip is not paid for each. */
export async function* listOverSftp(context: SftpListContext): AsyncGenerator<readonly FileEntry[], void, undefined> {
  const { client, machineName, paths, signal } = context;
  const above = foldersAbove(paths);
  const [folders, roots] = await Promise.all([
    Promise.all(above.map((path) => client.stat(path).catch(asStatus))),
    Promise.all(paths.map((path) => client.lstat(path).catch(asStatus))),
  ]);
  for (const [index, path] of paths.entries()) {
    const root = roots[index];
    if (!(root instanceof SftpStatus)) continue;
    throw new LifeboatError("source-missing", `${displayName(path)} cannot be seen on ${machineName}: ${root.message}`, {
      context: { host: machineName, path: displayName(path) },
    });
  }
  const aboveEntries: FileEntry[] = [];
  for (const [index, path] of above.entries()) {
    const attributes = folders[index];
    // A host may hide what lies above: then the snapshot has a folder there without its metadata.
    if (attributes === undefined || attributes instanceof SftpStatus) continue;
    aboveEntries.push({ ...entryOfAttributes(path, attributes, machineName), above: true });
  }
  if (aboveEntries.length > 0) yield aboveEntries;
  const isExcluded = compileExcludes(context.exclude);
  const walk = new FolderWalk({ client, machineName, isExcluded });
  const outer = paths.filter((path) => !paths.some((other) => isBelow(path, other)));
  const order = new TreeOrder(outer, machineName);
  const todo: FileEntry[] = [];
  for (const [index, path] of paths.entries()) {
    const attributes = roots[index];
    if (attributes === undefined || attributes instanceof SftpStatus || !outer.includes(path)) continue;
    const target = isLink(attributes) ? await client.readLink(path) : undefined;
    const entry = entryOfAttributes(path, attributes, machineName, target);
    if (!isExcluded(path, entry.type === "dir")) todo.push(entry);
  }
  todo.reverse();
  let batch: FileEntry[] = [];
  for (let entry = todo.pop(); entry !== undefined; entry = todo.pop()) {
    order.check(entry);
    batch.push(entry);
    if (entry.type === "dir") {
      if (!walk.isReady(entry.path) && batch.length > 0) {
        yield batch;
        batch = [];
      }
      const { entries, problems } = await walk.take(entry.path);
      signal.throwIfAborted();
      for (const problem of problems) context.problem(problem);
      for (let at = entries.length - 1; at >= 0; at--) todo.push(entries[at] as FileEntry);
    }
    if (batch.length >= maxBatch) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

/** Reads folders before they are asked for, those first that will be asked for first. */
class FolderWalk {
  readonly #context: FolderContext;
  readonly #started = new Map<ByteString, { readonly content: Promise<FolderContent>; done: boolean }>();
  /** Known folders that nobody has begun to read; the last one is the next. */
  readonly #candidates: ByteString[] = [];
  /** Those of them that were asked for before. */
  readonly #overtaken = new Set<ByteString>();
  #running = 0;
  #waitingEntries = 0;

  constructor(context: FolderContext) {
    this.#context = context;
  }

  isReady(path: ByteString): boolean {
    return this.#started.get(path)?.done === true;
  }

  async take(path: ByteString): Promise<FolderContent> {
    let folder = this.#started.get(path);
    if (folder === undefined) {
      folder = this.#start(path);
      this.#overtaken.add(path);
    }
    const result = await folder.content;
    this.#started.delete(path);
    this.#waitingEntries -= result.entries.length;
    this.#readAhead();
    return result;
  }

  #start(path: ByteString) {
    this.#running++;
    const folder = { content: readFolder(this.#context, path), done: false };
    this.#started.set(path, folder);
    folder.content.then(
      ({ entries }) => {
        folder.done = true;
        this.#running--;
        this.#waitingEntries += entries.length;
        for (let at = entries.length - 1; at >= 0; at--) {
          const entry = entries[at] as FileEntry;
          if (entry.type === "dir") this.#candidates.push(entry.path);
        }
        this.#readAhead();
      },
      // Whoever takes the folder sees the error.
      () => undefined,
    );
    return folder;
  }

  #readAhead(): void {
    while (this.#running < maxFoldersAtOnce && this.#waitingEntries < maxWaitingEntries) {
      const path = this.#candidates.pop();
      if (path === undefined) return;
      if (!this.#overtaken.delete(path)) this.#start(path);
    }
  }
}

function compileExcludes(globs: readonly string[]): (path: ByteString, isFolder: boolean) => boolean {
  const tests = globs.map((glob) => ({ regex: new RegExp(`^(?:${globToRegex(glob)})$`, "s"), onlyFolders: glob.endsWith("/") }));
  return (path, isFolder) => tests.some(({ regex, onlyFolders }) => (isFolder || !onlyFolders) && regex.test(path));
}
