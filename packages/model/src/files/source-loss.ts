/** What a way of reading cannot tell of a source; as snapshots and run records name it. */
export type SourceLoss =
  | "change-times"
  | "nanoseconds"
  | "inodes"
  | "hard-links"
  | "holes"
  | "xattrs"
  | "acls"
  | "device-numbers"
  | "owner-names"
  /** `one_filesystem` was asked for, and other file systems could not be told apart. */
  | "one-filesystem"
  /** \`sudo\` was asked for, and everything was read as the login user. */
  | "sudo";

const words: Readonly<Record<SourceLoss, string>> = {
  "change-times": "change times",
  nanoseconds: "fractions of seconds",
  inodes: "inodes",
  "hard-links": "hard links",
  holes: "holes of sparse files",
  xattrs: "extended attributes",
  acls: "access lists",
  "device-numbers": "device numbers",
  "owner-names": "names of owners",
  "one-filesystem": "file systems (one_filesystem has no effect)",
  sudo: "files that need sudo (it has no effect)",
};

/** For people: "change times, inodes, hard links". Words of another version come as they are. */
export function describeLosses(lost: readonly string[]): string {
  return lost.map((loss) => (words as Readonly<Record<string, string>>)[loss] ?? loss).join(", ");
}

/** True when whether a file is unchanged was told by its size and the whole seconds of its modification time alone. */
export function isToldByTimeAlone(lost: readonly string[]): boolean {
  return lost.includes("change-times" satisfies SourceLoss) && lost.includes("nanoseconds" satisfies SourceLoss);
}
