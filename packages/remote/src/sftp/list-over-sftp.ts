import type { ByteString, FileEntry, FileSelection, ListOptions, SourceProblem } from "@lifeboat/model";
import { displayName, LifeboatError } from "@lifeboat/model";
import { PathRules, type Standing } from "../files/path-rules.ts";
import { foldersAbove, isBelow } from "../files/source-paths.ts";
import { sizeProblem } from "../files/storable-size.ts";
import { TreeOrder } from "../files/tree-order.ts";
import { WayFolders } from "../files/way-folders.ts";
import { NameBudget } from "./name-budget.ts";
import { asStatus, type FolderContent, type FolderContext, type JudgedEntry, readFolder } from "./read-folder.ts";
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
  readonly selection: FileSelection;
  readonly signal: AbortSignal;
  readonly problem: (problem: SourceProblem) => void;
  readonly leftOut: ListOptions["leftOut"];
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
  const rules = new PathRules(context.selection);
  const walk = new FolderWalk({
    ...{ client, machineName, rules, selection: context.selection },
    budget: new NameBudget(machineName),
  });
  const outer = paths.filter((path) => !paths.some((other) => isBelow(path, other)));
  const order = new TreeOrder(outer, machineName);
  const todo: JudgedEntry[] = [];
  for (const [index, path] of paths.entries()) {
    const attributes = roots[index];
    if (attributes === undefined || attributes instanceof SftpStatus || !outer.includes(path)) continue;
    const target = isLink(attributes) ? await client.readLink(path) : undefined;
    const entry = entryOfAttributes(path, attributes, machineName, target);
    const standing = rules.standing(path, entry.type === "dir", "in");
    const isTooLarge = entry.size > (context.selection.excludeLargerThan ?? Number.POSITIVE_INFINITY);
    todo.push({ entry, verdict: standing === "out" ? "pattern" : isTooLarge ? "size" : standing });
  }
  todo.reverse();
  const kept = new WayFolders(context.leftOut);
  let batch: FileEntry[] = [];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { entry, verdict } = next;
    order.check(entry);
    const tooLarge = verdict === "in" ? sizeProblem(entry) : undefined;
    if (tooLarge !== undefined) {
      context.problem(tooLarge);
      continue;
    }
    batch.push(...kept.take(entry, verdict));
    if (entry.type === "dir" && (verdict === "in" || verdict === "way")) {
      if (!walk.isReady(entry.path) && batch.length > 0) {
        yield batch;
        batch = [];
      }
      const { judged, problems } = await walk.take(entry.path, verdict);
      signal.throwIfAborted();
      for (const problem of problems) context.problem(problem);
      for (let at = judged.length - 1; at >= 0; at--) todo.push(judged[at] as JudgedEntry);
    }
    if (batch.length >= maxBatch) {
      yield batch;
      batch = [];
    }
  }
  kept.end();
  if (batch.length > 0) yield batch;
}

interface Candidate {
  readonly path: ByteString;
  readonly standing: Standing;
}

/** Reads folders before they are asked for, those first that will be asked for first. */
class FolderWalk {
  readonly #context: FolderContext;
  readonly #started = new Map<ByteString, { readonly content: Promise<FolderContent>; done: boolean }>();
  /** Known folders that nobody has begun to read; the last one is the next. */
  readonly #candidates: Candidate[] = [];
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

  async take(path: ByteString, standing: Standing): Promise<FolderContent> {
    let folder = this.#started.get(path);
    if (folder === undefined) {
      folder = this.#start({ path, standing });
      this.#overtaken.add(path);
    }
    const result = await folder.content;
    this.#started.delete(path);
    this.#waitingEntries -= result.judged.length;
    this.#readAhead();
    return result;
  }

  #start({ path, standing }: Candidate) {
    this.#running++;
    const folder = { content: readFolder(this.#context, path, standing), done: false };
    this.#started.set(path, folder);
    folder.content.then(
      ({ judged }) => {
        folder.done = true;
        this.#running--;
        this.#waitingEntries += judged.length;
        for (let at = judged.length - 1; at >= 0; at--) {
          const { entry, verdict } = judged[at] as JudgedEntry;
          if (entry.type === "dir" && (verdict === "in" || verdict === "way"))
            this.#candidates.push({ path: entry.path, standing: verdict });
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
      const candidate = this.#candidates.pop();
      if (candidate === undefined) return;
      if (!this.#overtaken.delete(candidate.path)) this.#start(candidate);
    }
  }
}
