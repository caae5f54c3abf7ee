import type { ByteString, FileEntry, FileHash, Machine } from "@lifeboat/model";
import { displayName, LifeboatError } from "@lifeboat/model";
import { isSameFile, statNow } from "./after-check.ts";
import { commandFailure } from "./command-failure.ts";
import { feedNames } from "./feed-names.ts";
import { hashCommand } from "./remote-commands.ts";

export interface HashContext {
  readonly machine: Machine;
  readonly sudo: boolean;
  readonly signal: AbortSignal;
}

/** Hash, space, star, path. */
const hashLength = 64;
const maxRecordBytes = 256 * 1024;
const maxComplaintBytes = 1024 * 1024;

/**
 * SHA-256 of regular files, computed where they are: one command for any number of them, then one look whether they still are what was
 * listed. In the order of `entries`. Errors: `command-failed`, `host-garbage`.
 */
export async function hashFiles({ machine, sudo, signal }: HashContext, entries: readonly FileEntry[]): Promise<FileHash[]> {
  if (entries.length === 0) return [];
  const paths = entries.map(({ path }) => path);
  const places = new Map(paths.map((path, at) => [path, at]));
  const command = await machine.run(hashCommand(), { sudo, signal, maxStderrBytes: maxComplaintBytes });
  const feeding = feedNames(command, paths);
  const hashes = new Map<number, string>();
  let carry = "";
  const garbage = (what: string) => new LifeboatError("host-garbage", `sha256sum on ${machine.name} printed ${what}`);
  for await (const chunk of command.stdout) {
    const records = (carry + Buffer.from(chunk).toString("latin1")).split("\0");
    carry = records.pop() ?? "";
    if (carry.length > maxRecordBytes) throw garbage("a record without end");
    for (const record of records) {
      const place = places.get(record.slice(hashLength + 2) as ByteString);
      if (place === undefined || !/^[0-9a-f]{64} [ *]/.test(record)) throw garbage("what it was not asked for");
      hashes.set(place, record.slice(0, hashLength));
    }
  }
  const [{ status }] = await Promise.all([command.exit, feeding]);
  signal.throwIfAborted();
  const stderr = command.stderr();
  // 123: at least one of the files could not be hashed, or there is no sha256sum.
  if ((status !== 0 && status !== 123) || /^sudo: /m.test(stderr))
    throw commandFailure("sha256sum", machine.name, status, stderr);
  const after = await statNow(machine, paths, { sudo, signal });
  return entries.map((entry, at): FileHash => {
    const now = after.now[at];
    const sha256 = hashes.get(at);
    // What cannot be seen any more was removed, or its folder was closed.
    const complaint = after.complaints.get(entry.path);
    if (now === undefined && (complaint === undefined || /No such file/.test(complaint))) return { state: "changed" };
    if (now !== undefined && !isSameFile(entry, now)) return { state: "changed" };
    if (sha256 !== undefined && now !== undefined) return { state: "hashed", sha256 };
    return { state: "unreadable", detail: complaint ?? reasonFor(entry.path, stderr) };
  });
}

/** sha256sum shows odd names in a way of its own; then its first words must do. */
function reasonFor(path: ByteString, stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const own = lines.find((line) => line.startsWith(`sha256sum: ${displayName(path)}: `));
  return (own?.slice(`sha256sum: ${displayName(path)}: `.length) ?? lines[0] ?? "it was not hashed").slice(0, 300);
}
