import type { ByteString, FileEntry, FileType } from "@lifeboat/model";
import { displayName, LifeboatError, rfc3339FromEpoch } from "@lifeboat/model";
import type { SftpAttributes } from "./sftp-packets.ts";

/** By st_mode & S_IFMT. */
const types: ReadonlyMap<number, FileType> = new Map([
  [0o100000, "file"],
  [0o040000, "dir"],
  [0o120000, "symlink"],
  [0o060000, "dev"],
  [0o020000, "chardev"],
  [0o010000, "fifo"],
  [0o140000, "socket"],
]);

/** True when these attributes make an entry; some servers leave them out of a folder's listing. */
export function isComplete(attributes: SftpAttributes): boolean {
  return attributes.mode !== undefined && attributes.mtime !== undefined && attributes.size !== undefined;
}

/**
 * What SFTP tells, and for the rest what says nothing wrong: the change time is the modification time, no inode, no device, one
 * name. Errors: `host-garbage` for an unknown type or missing attributes.
 */
export function entryOfAttributes(
  path: ByteString,
  attributes: SftpAttributes,
  machineName: string,
  linkTarget?: ByteString,
): FileEntry {
  const { mode, mtime, size, uid, gid } = attributes;
  const type = mode === undefined ? undefined : types.get(mode & 0o170000);
  if (mode === undefined || mtime === undefined || type === undefined || (type === "file" && size === undefined)) {
    throw new LifeboatError("host-garbage", `the SFTP server of ${machineName} does not say what ${displayName(path)} is`);
  }
  const time = rfc3339FromEpoch(mtime, 0);
  return {
    path,
    type,
    mode: mode & 0o7777,
    uid,
    gid,
    user: "",
    group: "",
    size: type === "file" ? (size ?? 0) : 0,
    mtime: time,
    ctime: time,
    inode: "0",
    device: "0",
    links: 1,
    ...(linkTarget !== undefined && { linkTarget }),
  };
}

export function isFolder({ mode }: SftpAttributes): boolean {
  return mode !== undefined && (mode & 0o170000) === 0o040000;
}

export function isFile({ mode }: SftpAttributes): boolean {
  return mode !== undefined && (mode & 0o170000) === 0o100000;
}

export function isLink({ mode }: SftpAttributes): boolean {
  return mode !== undefined && (mode & 0o170000) === 0o120000;
}
