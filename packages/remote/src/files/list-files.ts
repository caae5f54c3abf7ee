import type { ByteString, FileEntry, FileSelection, ListOptions, Machine, SourceProblem } from "@lifeboat/model";
import { displayName, LifeboatError } from "@lifeboat/model";
import { collectOutput } from "../process/collect-output.ts";
import { commandFailure } from "./command-failure.ts";
import { ComplaintReader } from "./complaint-reader.ts";
import { parseComplaints } from "./complaints.ts";
import { listCommand } from "./list-command.ts";
import { ListingParser } from "./listing-parser.ts";
import type { OwnerNames } from "./owner-names.ts";
import { PathRules } from "./path-rules.ts";
import { maxPathBytes, statCommand } from "./remote-commands.ts";
import { SelectionFilter } from "./selection-filter.ts";
import { foldersAbove, isBelow, parentOf } from "./source-paths.ts";
import { sizeProblem } from "./storable-size.ts";
import { findTaggedFolders } from "./tagged-folders.ts";
import { TreeOrder } from "./tree-order.ts";

export interface ListContext {
  readonly machine: Machine;
  readonly names: OwnerNames;
  /** Normalized, absolute, without doubles. */
  readonly paths: readonly ByteString[];
  readonly selection: FileSelection;
  readonly sudo: boolean;
  readonly signal: AbortSignal;
  readonly problem: (problem: SourceProblem) => void;
  readonly leftOut: ListOptions["leftOut"];
}

/** find compares every folder with each of them. */
const maxClosedFolders = 200;
const maxClosedBytes = 32 * 1024;

export async function* listFiles(context: ListContext): AsyncGenerator<readonly FileEntry[], void, undefined> {
  const { paths } = context;
  const above = foldersAbove(paths);
  const [folders, roots] = await Promise.all([
    above.length === 0 ? [] : statPaths(context, above, true),
    statPaths(context, paths, false),
  ]);
  const present = new Set(roots.map((entry) => entry.path));
  const missing = paths.find((path) => !present.has(path));
  if (missing !== undefined) {
    throw new LifeboatError("source-missing", `${displayName(missing)} does not exist on ${context.machine.name}`, {
      context: { host: context.machine.name, path: displayName(missing) },
    });
  }
  if (folders.length > 0) yield folders.map((entry) => ({ ...entry, above: true }));
  const outer = paths.filter((path) => !paths.some((other) => other !== path && isBelow(path, other)));
  yield* listBelow(context, outer);
}

/**
 * A path inside another one is part of that one's listing. With `oneFilesystem` it may lie on another file system, so it
 * gets a listing of its own, put in where the outer listing passes it.
 */
async function* listBelow(
  context: ListContext,
  roots: readonly ByteString[],
): AsyncGenerator<readonly FileEntry[], void, undefined> {
  const { machine, signal, selection, leftOut } = context;
  const inner = selection.oneFilesystem === true ? context.paths.filter((path) => roots.some((root) => isBelow(path, root))) : [];
  const stopAt = inner.filter((path) => !inner.some((other) => isBelow(path, other)));
  const pending = new Set(stopAt);
  const place = `${roots.map(displayName).join(", ")} on ${machine.name}`;
  const tagged = await findTaggedFolders(context, roots, stopAt);
  // For all else find itself leaves out what does not belong to the source.
  const isToFilter = tagged.size > 0 || (selection.include ?? []).length > 0;
  const filter = isToFilter ? new SelectionFilter({ rules: new PathRules(selection), tagged, leftOut }) : undefined;
  const parser = new ListingParser(place, leftOut);
  const order = new TreeOrder(roots, place);
  const closed = someOf(tagged.keys());
  const tellLeftOut = leftOut !== undefined;
  const complaints = new ComplaintReader("find", ({ path, message }) => {
    context.problem({ path, kind: /No such file/.test(message) ? "vanished" : "unlisted", detail: message });
  });
  const command = await machine.run(listCommand({ paths: roots, selection, stopAt, tagged: closed, tellLeftOut }), {
    sudo: context.sudo,
    signal,
    noInput: true,
    complained: complaints.push,
  });
  command.endInput();
  for await (const chunk of command.stdout) {
    const listed = withoutTooLong(context, parser.push(chunk));
    for (const entry of listed) order.check(entry);
    const kept = filter?.push(listed) ?? listed;
    // A path of the source itself is told by its own listing.
    const entries = kept.filter((entry) => pending.has(entry.path) || isStorable(context, entry));
    await context.names.fill(entries, signal);
    if (pending.size === 0) {
      if (entries.length > 0) yield entries;
      continue;
    }
    let batch: FileEntry[] = [];
    for (const entry of entries) {
      if (!pending.delete(entry.path)) {
        batch.push(entry);
        continue;
      }
      if (batch.length > 0) yield batch;
      batch = [];
      yield* listBelow(context, [entry.path]);
    }
    if (batch.length > 0) yield batch;
  }
  const { status } = await command.exit;
  signal.throwIfAborted();
  if (status !== 0 && status !== 1) throw commandFailure("find", machine.name, status, command.stderr());
  parser.end();
  filter?.end();
  complaints.end();
  judgeComplaints(context, roots, status, complaints, command.stderr());
  for (const path of pending) {
    context.problem({
      path,
      kind: "unlisted",
      detail: `not reached from ${displayName(parentOf(path))}: excluded, or on a third file system`,
    });
  }
}

/** As many as a command line should hold. The others are gone into, and what lies in them is left out here. */
function someOf(folders: Iterable<ByteString>): ByteString[] {
  const some: ByteString[] = [];
  let bytes = 0;
  for (const folder of folders) {
    bytes += folder.length;
    if (some.length === maxClosedFolders || bytes > maxClosedBytes) break;
    some.push(folder);
  }
  return some;
}

/** What no call can name is reported, once for a folder with all that is in it, and left out. */
function withoutTooLong(context: ListContext, entries: FileEntry[]): FileEntry[] {
  if (entries.every(({ path }) => path.length <= maxPathBytes)) return entries;
  return entries.filter(({ path, type }) => {
    if (path.length <= maxPathBytes) return true;
    // The host was told not to go on below the first of them.
    if (parentOf(path).length > maxPathBytes) return false;
    const what = type === "dir" ? "; what is in it was not listed" : "";
    const detail = `File name too long: its path has ${path.length} bytes, ${maxPathBytes} can be read${what}`;
    context.problem({ path, kind: type === "dir" ? "unlisted" : "unreadable", detail });
    return false;
  });
}

function isStorable({ problem }: ListContext, entry: FileEntry): boolean {
  const found = sizeProblem(entry);
  if (found !== undefined) problem(found);
  return found === undefined;
}

/** What find said that names no path. */
function judgeComplaints(
  context: ListContext,
  roots: readonly ByteString[],
  status: number,
  { count, others }: ComplaintReader,
  stderr: string,
): void {
  if (others.some((line) => line.startsWith("sudo: "))) throw commandFailure("find", context.machine.name, status, stderr);
  const unclear = others.filter((line) => line.startsWith("find: ") || line.startsWith("... "));
  const root = roots[0];
  if (root === undefined) return;
  if (unclear.length > 0) context.problem({ path: root, kind: "unlisted", detail: unclear.join("; ").slice(0, 1000) });
  else if (status === 1 && count === 0) throw commandFailure("find", context.machine.name, status, stderr);
}

/** The entries that exist, in the order of `paths`. */
export async function statPaths(
  context: Pick<ListContext, "machine" | "names" | "sudo" | "signal">,
  paths: readonly ByteString[],
  followLinks: boolean,
): Promise<FileEntry[]> {
  const { machine, names, sudo, signal } = context;
  const command = await machine.run(statCommand(paths, followLinks), { sudo, signal, noInput: true });
  const { stdout, stderr, status } = await collectOutput(command, { what: `find on ${machine.name}` });
  signal.throwIfAborted();
  if (status !== 0 && (status !== 1 || !parseComplaints("find", stderr).complaints.length)) {
    throw commandFailure("find", machine.name, status, stderr);
  }
  const parser = new ListingParser(`${paths.map(displayName).join(", ")} on ${machine.name}`);
  const entries = parser.push(stdout);
  parser.end();
  await names.fill(entries, signal);
  return entries;
}
