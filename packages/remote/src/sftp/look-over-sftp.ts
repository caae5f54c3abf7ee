import type { ByteString, Clock, Machine } from "@lifeboat/model";
import { asStatus } from "./read-folder.ts";
import { SftpClient } from "./sftp-client.ts";
import { SftpStatus } from "./sftp-status.ts";

/** Why a path cannot be seen; undefined: it can. */
export type SftpSight = ReadonlyMap<ByteString, string | undefined>;

/** Whether these paths can be seen over SFTP. Errors: `command-failed` when the machine has none. */
export async function lookOverSftp(
  machine: Machine,
  paths: readonly ByteString[],
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<SftpSight> {
  const client = await SftpClient.open(machine, clock, signal);
  try {
    const seen = await Promise.all(paths.map((path) => client.lstat(path).catch(asStatus)));
    return new Map(paths.map((path, at) => [path, seen[at] instanceof SftpStatus ? seen[at].message : undefined]));
  } finally {
    client.close();
  }
}
