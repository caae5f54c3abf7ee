import type { FileType } from "@lifeboat/model";

/** Type bits of Go's FileMode (repository-format 1.11.5); `chardev` has two. */
const typeBits: Record<FileType, number> = {
  file: 0,
  dir: 2 ** 31,
  symlink: 2 ** 27,
  dev: 2 ** 26,
  chardev: 2 ** 26 + 2 ** 21,
  fifo: 2 ** 25,
  socket: 2 ** 24,
};
const setuid = 2 ** 23;
const setgid = 2 ** 22;
const sticky = 2 ** 20;

/** st_mode & 0o7777 and the type -> the number that restic stores. */
export function goFileMode(type: FileType, mode: number): number {
  return (
    (mode & 0o777) + typeBits[type] + (mode & 0o4000 ? setuid : 0) + (mode & 0o2000 ? setgid : 0) + (mode & 0o1000 ? sticky : 0)
  );
}

/** The stored number -> st_mode & 0o7777. */
export function unixMode(goMode: number): number {
  return (goMode & 0o777) | (goMode & setuid ? 0o4000 : 0) | (goMode & setgid ? 0o2000 : 0) | (goMode & sticky ? 0o1000 : 0);
}
