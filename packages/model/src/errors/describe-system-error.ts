import { messageOf } from "./lifeboat-error.ts";

const words: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "no space left: the quota is used up",
  EISDIR: "it is a folder",
  ELOOP: "too many symbolic links",
  EMFILE: "too many open files",
  ENAMETOOLONG: "the name is too long",
  ENFILE: "too many open files on this machine",
  ENOENT: "it does not exist",
  ENOSPC: "no space left on the device",
  ENOTDIR: "a part of the path is no folder",
  EPERM: "operation not permitted",
  EROFS: "the file system is read-only",
};

/** The words of a system call's error without its name and arguments; for anything else its message. */
export function describeSystemError(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known = words[code];
  return known === undefined ? messageOf(error) : `${known} (${code})`;
}
