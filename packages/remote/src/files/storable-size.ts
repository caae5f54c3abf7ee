import type { FileEntry, SourceProblem } from "@lifeboat/model";

/**
 * Why an entry cannot be stored: a sparse file may claim up to 2^63 bytes, and beyond 2^53 they cannot be counted here. That is such
 * a file's own problem: anybody can make one, and it must not end the run that also reads all others.
 */
export function sizeProblem({ path, size }: Pick<FileEntry, "path" | "size">): SourceProblem | undefined {
  if (Number.isSafeInteger(size)) return undefined;
  return { path, kind: "unreadable", detail: `File too large: about ${size} bytes, ${Number.MAX_SAFE_INTEGER} can be stored` };
}
