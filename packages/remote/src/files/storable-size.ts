import type { FileEntry, SourceProblem } from "@lifeboat/model";

/**
 * 32 TiB. A file is a list of its blobs: of holes alone, in blobs of 8 MiB, it has 280 MB then, of 480 MB that all files of one folder share
 * (the archiver names those that do not fit). A sparse file may claim up to 2^63 bytes, and beyond 2^53 they cannot even be counted here.
 */
const mostStorableBytes = 2 ** 45;

/** Why an entry cannot be stored. That is such a file's own problem: anybody can make one, and it must not end the run that also reads all others. */
export function sizeProblem({ path, size }: Pick<FileEntry, "path" | "size">): SourceProblem | undefined {
  if (size <= mostStorableBytes) return undefined;
  const claimed = Number.isSafeInteger(size) ? `${size} bytes` : `about ${size} bytes`;
  return { path, kind: "unreadable", detail: `File too large: ${claimed}, ${mostStorableBytes} can be stored` };
}
