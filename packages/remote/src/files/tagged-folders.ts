import type { ByteString, FileEntry } from "@lifeboat/model";
import { byteString, LifeboatError } from "@lifeboat/model";
import { commandFailure } from "./command-failure.ts";
import { tagsCommand } from "./list-command.ts";
import type { ListContext } from "./list-files.ts";
import { ListingParser } from "./listing-parser.ts";
import { readFiles } from "./read-files.ts";
import { parentOf } from "./source-paths.ts";
import { cacheTagSignature, mayBeCacheTag, tagNames } from "./tag-names.ts";

const maxTags = 200_000;
const maxTagsAtOnce = 5000;

/** Of each folder that is marked the tags in it: they alone are kept of it, with what lies below them. */
export type TaggedFolders = ReadonlyMap<ByteString, ReadonlySet<ByteString>>;

/** A walk over names before the listing, and one tar stream for the content of all cache tags; nothing where no tags are asked for. */
export async function findTaggedFolders(
  context: ListContext,
  roots: readonly ByteString[],
  stopAt: readonly ByteString[],
): Promise<TaggedFolders> {
  const { machine, selection, sudo, signal } = context;
  const present = new Set((selection.excludeIfPresent ?? []).map(byteString));
  const names = new Set(tagNames(selection));
  const tags = new Map<ByteString, Set<ByteString>>();
  if (names.size === 0) return tags;
  const command = await machine.run(tagsCommand({ paths: roots, selection, stopAt }), { sudo, signal, noInput: true });
  const parser = new ListingParser(`the tags of folders on ${machine.name}`);
  const caches: FileEntry[] = [];
  let count = 0;
  const keep = (tag: FileEntry) => {
    const folder = parentOf(tag.path);
    tags.set(folder, (tags.get(folder) ?? new Set()).add(tag.path));
  };
  for await (const chunk of command.stdout) {
    for (const tag of parser.push(chunk)) {
      const name = tag.path.slice(tag.path.lastIndexOf("/") + 1) as ByteString;
      if (!names.has(name) || ++count > maxTags) {
        command.kill();
        const what = names.has(name) ? `more than ${maxTags} tags of folders` : "tags that it was not asked for";
        throw new LifeboatError("host-garbage", `find on ${machine.name} names ${what}`);
      }
      // A path of the source itself marks nothing: the folder around it is not the source's.
      if (roots.includes(tag.path)) continue;
      if (present.has(name)) keep(tag);
      else if (mayBeCacheTag(tag)) caches.push(tag);
    }
  }
  // What could not be listed is said by the listing that follows.
  const { status } = await command.exit;
  signal.throwIfAborted();
  if (status !== 0 && status !== 1) throw commandFailure("find", machine.name, status, command.stderr());
  parser.end();
  for (let at = 0; at < caches.length; at += maxTagsAtOnce) {
    for (const tag of await signedAmong(context, caches.slice(at, at + maxTagsAtOnce))) keep(tag);
  }
  return tags;
}

/** Those that begin as a cache tag does. One that cannot be read is none: its folder is kept, and the file reported when it is read. */
async function signedAmong(context: ListContext, files: readonly FileEntry[]): Promise<FileEntry[]> {
  const { machine, names, sudo, signal } = context;
  const beginnings: string[] = files.map(() => "");
  for await (const events of readFiles({ machine, names, sudo, signal }, files)) {
    for (const event of events) {
      const missing = event.kind === "data" ? cacheTagSignature.length - (beginnings[event.index] ?? "").length : 0;
      if (event.kind === "data" && missing > 0) {
        beginnings[event.index] += Buffer.from(event.bytes.subarray(0, missing)).toString("latin1");
      }
    }
  }
  return files.filter((_, at) => beginnings[at] === cacheTagSignature);
}
