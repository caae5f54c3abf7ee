import { type FileHandle, mkdir, open, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { randomBytes } from "../../crypto/index.ts";
import { errnoOf } from "./local-errors.ts";

/** Rights of what is created, taken from the repository's `config` like restic does: a group may be allowed to read. */
export interface LocalModes {
  readonly folder: number;
  readonly file: number;
}

export async function readModes(root: string): Promise<LocalModes> {
  try {
    const groupReads = ((await stat(`${root}/config`)).mode & 0o040) !== 0;
    return groupReads ? { folder: 0o750, file: 0o640 } : { folder: 0o700, file: 0o600 };
  } catch {
    return { folder: 0o700, file: 0o600 };
  }
}

/**
 * Writes next to the final place, syncs, renames, syncs the folder. After a kill at any point there is the whole file
 * or none; what may be left is a `-tmp-` file, which no listing shows.
 */
export async function writeFileDurably(
  path: string,
  parts: readonly Uint8Array[] | AsyncIterable<Uint8Array>,
  modes: LocalModes,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { handle, temporary } = await openTemporary(path, modes);
  try {
    try {
      for await (const part of parts) {
        signal?.throwIfAborted();
        await writeAll(handle, part);
      }
      signal?.throwIfAborted();
      // Read-only from here on, as restic leaves its files.
      await handle.chmod(modes.file & 0o440).catch(ignoreUnsupported);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

async function openTemporary(path: string, modes: LocalModes) {
  for (let attempt = 0; ; attempt++) {
    const temporary = `${path}-tmp-${Buffer.from(randomBytes(8)).toString("hex")}`;
    try {
      return { handle: await open(temporary, "wx", modes.file), temporary };
    } catch (error) {
      if (attempt >= 3) throw error;
      if (errnoOf(error) === "ENOENT") await makeFolder(dirname(path), modes);
      else if (errnoOf(error) !== "EEXIST") throw error;
    }
  }
}

async function writeAll(handle: FileHandle, part: Uint8Array): Promise<void> {
  for (let at = 0; at < part.length; ) at += (await handle.write(part, at, part.length - at)).bytesWritten;
}

/**
 * With its parents; the new entries are synced too, else a power cut takes the folder with the file in it.
 * Not by `mkdir({ recursive })`: that one says ENOENT where a read-only file system said EROFS.
 */
export async function makeFolder(path: string, modes: LocalModes): Promise<void> {
  try {
    await mkdir(path, modes.folder);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return;
    if (errnoOf(error) !== "ENOENT" || path === dirname(path)) throw error;
    await makeFolder(dirname(path), modes);
    await mkdir(path, modes.folder).catch((again: unknown) => {
      if (errnoOf(again) !== "EEXIST") throw again;
    });
  }
  await syncFolder(dirname(path));
}

export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } catch (error) {
    ignoreUnsupported(error);
  } finally {
    await handle.close();
  }
}

/** Some network file systems know no rights or cannot sync a folder; they have said so, and restic goes on as well. */
function ignoreUnsupported(error: unknown): void {
  if (!["EINVAL", "EPERM", "ENOTSUP", "EOPNOTSUPP"].includes(errnoOf(error) ?? "")) throw error;
}
