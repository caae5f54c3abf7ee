import type { ByteString, CommandArgument } from "@lifeboat/model";
import { globToRegex, toBytes } from "@lifeboat/model";

/**
 * Every command that reading files runs on a host, in one file: sudoers and forced commands must name them. GNU find 4.4 and
 * GNU tar 1.29 or later.
 */

/** One record an entry: numbers, then path and link target, each ended by NUL. */
const recordFormat = "%y %m %U %G %s %T@ %C@ %i %D %n\\0%p\\0%l\\0";

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

export interface ListCommandOptions {
  readonly paths: readonly ByteString[];
  readonly exclude: readonly string[];
  readonly oneFilesystem: boolean;
  /** Listed themselves, but not what they hold. */
  readonly stopAt: readonly ByteString[];
}

export function listCommand(options: ListCommandOptions): CommandArgument[] {
  const argv: CommandArgument[] = ["find", ...options.paths.map(toBytes)];
  if (options.oneFilesystem) argv.push("-xdev");
  if (options.stopAt.length > 0) {
    const patterns = options.stopAt.map((path) => toBytes(path.replace(/[*?[\]\\]/g, "\\$&") as ByteString));
    argv.push(...anyOf(patterns.map((pattern) => ["-path", pattern])), "-prune", "-printf", recordFormat, "-o");
  }
  if (options.exclude.length > 0) {
    const tests = options.exclude.map((glob) => {
      const test: CommandArgument[] = ["-regex", globToRegex(glob)];
      return glob.endsWith("/") ? ["(", "-type", "d", ...test, ")"] : test;
    });
    argv.push("-regextype", "posix-extended", ...anyOf(tests), "-prune", "-o");
  }
  // Folders without end, which anybody can make, must not become a listing without end.
  argv.push("(", "-path", `${"?".repeat(maxPathBytes + 1)}*`, "-prune", "-o", "-true", ")", "-printf", recordFormat);
  return argv;
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

function anyOf(tests: readonly (readonly CommandArgument[])[]): CommandArgument[] {
  return ["(", ...tests.flatMap((test, at) => (at === 0 ? test : ["-o", ...test])), ")"];
}
