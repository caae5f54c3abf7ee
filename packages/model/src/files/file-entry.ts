import type { ByteString } from "../bytes/byte-string.ts";
import type { Rfc3339Nanos } from "../time/rfc3339.ts";

/** Words as restic's nodes use them: `dev` is a block device. */
export type FileType = "file" | "dir" | "symlink" | "dev" | "chardev" | "fifo" | "socket";

export interface ExtendedAttribute {
  readonly name: ByteString;
  readonly value: Uint8Array;
}

/** One file, folder, link or device on a host, as listed. */
export interface FileEntry {
  /** Absolute, without a trailing slash ("/" alone for the root). */
  readonly path: ByteString;
  readonly type: FileType;
  /** Permission bits with setuid, setgid and sticky: st_mode & 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Empty where the owner has no name. */
  readonly user: string;
  readonly group: string;
  /** Bytes; meaningful for type "file" only. */
  readonly size: number;
  readonly mtime: Rfc3339Nanos;
  readonly ctime: Rfc3339Nanos;
  /** st_ino and st_dev, decimal: they exceed 2^53 in practice. */
  readonly inode: string;
  readonly device: string;
  /** st_nlink. */
  readonly links: number;
  readonly linkTarget?: ByteString;
  /** True for the folders above a given path: listed for their metadata, not for what else they hold. */
  readonly above?: boolean;
}

/** What a listing cannot tell; it comes with the content (tar headers) or not at all. */
export interface FileExtras {
  readonly xattrs: readonly ExtendedAttribute[];
  /** st_rdev of a device node in Linux's 64-bit encoding, decimal. */
  readonly deviceNumber?: string;
}
