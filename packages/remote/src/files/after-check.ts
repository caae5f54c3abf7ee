import type { ByteString, FileEntry, Machine } from "@lifeboat/model";
import { LifeboatError } from "@lifeboat/model";
import { commandFailure } from "./command-failure.ts";
import { ComplaintReader } from "./complaint-reader.ts";
import { feedNames } from "./feed-names.ts";
import { ListingParser } from "./listing-parser.ts";
import { statManyCommand } from "./remote-commands.ts";

export interface Now {
  readonly now: readonly (FileEntry | undefined)[];
  /** What find said about which of the paths. */
  readonly complaints: ReadonlyMap<ByteString, string>;
}

/**
 * What stands at these absolute paths now, in their order; undefined for what cannot be seen (any more). One batch: names in,
 * records out.
 */
export async function statNow(
  machine: Machine,
  paths: readonly ByteString[],
  options: { readonly sudo: boolean; readonly signal: AbortSignal },
): Promise<Now> {
  const complaints = new Map<ByteString, string>();
  if (paths.length === 0) return { now: [], complaints };
  const asked = new Set(paths);
  const reader = new ComplaintReader("find", ({ path, message }) => {
    if (asked.has(path)) complaints.set(path, message);
  });
  const command = await machine.run(statManyCommand(), { ...options, complained: reader.push });
  const feeding = feedNames(command, paths);
  const parser = new ListingParser(`what was read on ${machine.name}`);
  const now: (FileEntry | undefined)[] = new Array(paths.length).fill(undefined);
  let next = 0;
  for await (const chunk of command.stdout) {
    for (const entry of parser.push(chunk)) {
      while (next < paths.length && paths[next] !== entry.path) next++;
      if (next === paths.length)
        throw new LifeboatError("host-garbage", `${machine.name} answers for files that it was not asked about`);
      now[next++] = entry;
    }
  }
  const [{ status }] = await Promise.all([command.exit, feeding]);
  options.signal.throwIfAborted();
  // 123: at least one of the finds ended with an error, which is what a vanished file gives.
  if (status !== 0 && status !== 123) throw commandFailure("xargs", machine.name, status, command.stderr());
  parser.end();
  reader.end();
  return { now, complaints };
}

/** What restic compares too: type, size, times and inode. */
export function isSameFile(listed: FileEntry, now: FileEntry): boolean {
  return (
    listed.type === now.type &&
    listed.size === now.size &&
    listed.mtime === now.mtime &&
    listed.ctime === now.ctime &&
    listed.inode === now.inode
  );
}
