import { lstat, readdir, rm, unlink } from "node:fs/promises";
import { join } from "node:path";

export interface MakeRoomOptions {
  /** Of all repositories. */
  readonly folder: string;
  /** The one of the repository in use. */
  readonly own: string;
  /** For that one. */
  readonly maxBytes: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const dayMs = 24 * 60 * 60 * 1000;
/** A repository that was not opened for so long has its folder removed. */
const maxUnusedDays = 60;
/** Room is made for more than the next file: else each run would begin with it. */
const keptShare = 0.8;

interface KeptFile {
  readonly path: string;
  readonly bytes: number;
  readonly used: number;
}

/**
 * Removes the folders of repositories that are no longer in use, what killed runs left, and of the own folder the files that were of
 * no use for the longest time, where it holds too much. Resolves to the bytes that are left there. Never throws: what cannot be
 * looked at or removed stays.
 */
export async function makeRoom({ folder, own, maxBytes, now }: MakeRoomOptions): Promise<number> {
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    // Only what has the name of a repository's id: the folder may be one that holds other things, too.
    if (!/^[0-9a-f]{64}$/.test(name) || path === own) continue;
    const found = await lstat(path).catch(() => undefined);
    if (found?.isDirectory() && now - found.mtimeMs > maxUnusedDays * dayMs) {
      await rm(path, { recursive: true, force: true }).catch(() => {});
    }
  }
  const files: KeptFile[] = [];
  for (const name of await namesIn(own)) {
    const path = join(own, name);
    if (name.startsWith("tmp-")) {
      const found = await lstat(path).catch(() => undefined);
      // A younger one may be another process's, at work.
      if (found !== undefined && now - found.mtimeMs > dayMs) await unlink(path).catch(() => {});
      else if (found !== undefined) files.push({ path, bytes: found.size, used: now });
      continue;
    }
    for (const below of await namesIn(path)) {
      const file = join(path, below);
      const found = await lstat(file).catch(() => undefined);
      if (found !== undefined) files.push({ path: file, bytes: found.size, used: found.mtimeMs });
    }
  }
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes <= maxBytes) return bytes;
  for (const file of files.sort((a, b) => a.used - b.used)) {
    if (bytes <= maxBytes * keptShare) break;
    const isGone = await unlink(file.path).then(
      () => true,
      () => false,
    );
    if (isGone) bytes -= file.bytes;
  }
  return bytes;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
