import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { compareNames } from "../object-name.ts";
import type { ListOptions, ObjectInfo } from "../object-store.ts";
import { errnoOf } from "./local-errors.ts";

const maxDepth = 8;
const statsAtOnce = 32;

/** `<name>-tmp-<rand>`, restic's name for an unfinished file. */
const unfinished = /-tmp-[^/]*$/;

/**
 * Files below `root` whose path relative to it starts with `prefix`, in byte order. Folders may be symbolic links (data
 * on another disk); the depth is bounded because such a link may lead back.
 */
export async function* listFolder(root: string, prefix: string, options: ListOptions): AsyncGenerator<ObjectInfo> {
  const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  yield* listBelow(root, folder, prefix, options, 0);
}

async function* listBelow(
  root: string,
  folder: string,
  prefix: string,
  options: ListOptions,
  depth: number,
): AsyncGenerator<ObjectInfo> {
  options.signal?.throwIfAborted();
  if (depth > maxDepth) return;
  let entries: Dirent[];
  try {
    entries = await readdir(`${root}/${folder}`, { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || (errnoOf(error) === "ENOTDIR" && depth === 0)) return;
    throw error;
  }
  const wanted: { path: string; isFolder: boolean }[] = [];
  for (const entry of entries) {
    const isFolder = entry.isSymbolicLink() ? await isLinkedFolder(`${root}/${folder}${entry.name}`) : entry.isDirectory();
    // With its slash a folder sorts where its files do.
    const path = folder + entry.name + (isFolder ? "/" : "");
    if (!path.startsWith(prefix)) continue;
    if (isFolder ? isBefore(path, options.after) : isListed(path, options.after) || unfinished.test(path)) continue;
    wanted.push({ path, isFolder });
  }
  wanted.sort((left, right) => compareNames(left.path, right.path));
  for (let at = 0; at < wanted.length; ) {
    const first = wanted[at]!;
    if (first.isFolder) {
      yield* listBelow(root, first.path, prefix, options, depth + 1);
      at++;
      continue;
    }
    const files: string[] = [];
    while (at < wanted.length && !wanted[at]!.isFolder && files.length < statsAtOnce) files.push(wanted[at++]!.path);
    options.signal?.throwIfAborted();
    for (const info of await Promise.all(files.map((name) => statFile(root, name)))) if (info !== undefined) yield info;
  }
}

function isListed(name: string, after: string | undefined): boolean {
  return after !== undefined && compareNames(name, after) <= 0;
}

/** True when all that a folder can hold comes before `after`. */
function isBefore(folder: string, after: string | undefined): boolean {
  return after !== undefined && !after.startsWith(folder) && compareNames(folder, after) < 0;
}

/** undefined for what is no file, or is no longer there. */
export async function statFile(root: string, name: string): Promise<ObjectInfo | undefined> {
  try {
    const found = await stat(`${root}/${name}`);
    return found.isFile() ? { name, size: found.size, modified: Math.floor(found.mtimeMs) } : undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

async function isLinkedFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ELOOP") return false;
    throw error;
  }
}
