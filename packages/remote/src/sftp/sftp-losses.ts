import type { SourceLoss } from "@lifeboat/model";
import type { FileSourceOptions } from "../files/create-file-source.ts";

/** What SFTP version 3 cannot tell of any file. */
const always: readonly SourceLoss[] = [
  "change-times",
  "nanoseconds",
  "inodes",
  "hard-links",
  "holes",
  "xattrs",
  "acls",
  "device-numbers",
  "owner-names",
];

/** With what the source's own options asked for in vain. */
export function sftpLosses({ oneFilesystem, sudo }: Pick<FileSourceOptions, "oneFilesystem" | "sudo">): readonly SourceLoss[] {
  return [...always, ...(oneFilesystem ? (["one-filesystem"] as const) : []), ...(sudo ? (["sudo"] as const) : [])];
}
