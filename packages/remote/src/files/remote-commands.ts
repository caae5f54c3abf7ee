import type { ByteString, CommandArgument } from "@lifeboat/model";
import { toBytes } from "@lifeboat/model";
import { type RangeProgramName, rangePrograms } from "./range-programs.ts";

/**
 * Every command that reading files runs on a host, here and in list-command.ts: sudoers and forced commands must name them.
 * GNU find 4.4 and GNU tar 1.29 or later.
 */

/** One record an entry: numbers, then path and link target, each ended by NUL. */
export const recordFormat = "%y %m %U %G %s %T@ %C@ %i %D %n\\0%p\\0%l\\0";

/** Linux takes no longer path name in one call (PATH_MAX, less the NUL): what lies deeper is listed by find, and cannot be named to tar. */
export const maxPathBytes = 4095;

export type OwnerDatabase = "passwd" | "group";

/** Lines as of /etc/passwd and /etc/group for these numbers, from wherever the host has its accounts. */
export function ownersCommand(database: OwnerDatabase, ids: readonly number[]): CommandArgument[] {
  return ["getent", database, ...ids.map(String)];
}

/** For a host without getent. */
export function ownersFileCommand(database: OwnerDatabase): CommandArgument[] {
  return ["cat", `/etc/${database}`];
}

/** The entries themselves, without what they hold; symlinks are followed for the folders above a path, as the kernel does. */
export function statCommand(paths: readonly ByteString[], followLinks: boolean): CommandArgument[] {
  return ["find", followLinks ? "-H" : "-P", ...paths.map(toBytes), "-maxdepth", "0", "-printf", recordFormat];
}

/** As `statCommand`, for any number of paths: NUL-ended names on stdin. */
export function statManyCommand(): CommandArgument[] {
  return ["xargs", "-0", "-r", "sh", "-c", `exec find -P "$@" -maxdepth 0 -printf '${recordFormat}'`, "sh"];
}

/**
 * Names on stdin, NUL-ended and absolute. Times are left out of the headers, because the listing has them to the
 * nanosecond: most files then need one header block instead of three. Each hard link carries its data.
 */
export function readCommand(): CommandArgument[] {
  return [
    "tar",
    "--create",
    "--file=-",
    "--format=posix",
    "--pax-option=delete=atime,delete=ctime,delete=mtime",
    "--absolute-names",
    "--no-recursion",
    "--null",
    "--files-from=-",
    "--hard-dereference",
    "--xattrs",
    "--xattrs-include=*",
    "--no-acls",
    "--sparse",
    "--quoting-style=c",
    "--blocking-factor=64",
  ];
}

/**
 * One file's bytes from `offset` on, `count` at most; its name on stdin, NUL-ended. Neither a link nor a fifo that was put in its
 * place is followed or waited for. GNU dd 8.16 or later.
 */
export function readRestCommand(offset: number, count: number): CommandArgument[] {
  const flags = "iflag=nofollow,nonblock,fullblock,skip_bytes,count_bytes";
  return ["xargs", "-0", "-I{}", "dd", "if={}", flags, `skip=${offset}`, `count=${count}`, "bs=256K", "status=none"];
}

/** Questions about ranges of one file, by what `range-programs.ts` says of it. */
export function rangesCommand(program: RangeProgramName): CommandArgument[] {
  return [...rangePrograms[program]];
}

/**
 * "HASH *PATH" ended by NUL for each regular file of those named on stdin, NUL-ended and absolute. A link or a fifo that was put in a
 * file's place is neither followed nor waited for. GNU coreutils 8.25 or later.
 */
export function hashCommand(): CommandArgument[] {
  return ["xargs", "-0", "-r", "sh", "-c", 'exec find -P "$@" -maxdepth 0 -type f -exec sha256sum -z -b -- {} +', "sh"];
}
