import type { ByteString, FileEntry, FileSelection } from "@lifeboat/model";
import { byteString } from "@lifeboat/model";

/** As https://bford.info/cachedir/ has it: how the file begins. */
export const cacheTagSignature = byteString("Signature: 8a477f597d28d172789f06886806bc55");
export const cacheTagName = byteString("CACHEDIR.TAG");
/** A larger one is taken for no tag: somebody's file is not read for its first line's sake. */
const maxCacheTagBytes = 64 * 1024;

/** Names that may mark a folder. */
export function tagNames({ excludeCaches = false, excludeIfPresent = [] }: FileSelection): ByteString[] {
  return [...new Set([...excludeIfPresent.map(byteString), ...(excludeCaches ? [cacheTagName] : [])])];
}

export function mayBeCacheTag({ type, size }: Pick<FileEntry, "type" | "size">): boolean {
  return type === "file" && size >= cacheTagSignature.length && size <= maxCacheTagBytes;
}
