import type { ByteString } from "@lifeboat/model";
import { displayName, LifeboatError } from "@lifeboat/model";

/** Without doubled and trailing slashes and without repeats. `.` and `..` are refused: they would name a file twice. */
export function normalizePaths(paths: readonly ByteString[], name: string): ByteString[] {
  const normalized = paths.map((path) => {
    const parts = path.split("/").filter((part) => part !== "");
    if (!path.startsWith("/") || path.includes("\0") || parts.includes(".") || parts.includes("..")) {
      throw new LifeboatError("source-missing", `${displayName(path)} of ${name} is no absolute path without . and ..`);
    }
    return `/${parts.join("/")}` as ByteString;
  });
  return [...new Set(normalized)];
}

export function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf("/");
  return (slash <= 0 ? "/" : path.slice(0, slash)) as ByteString;
}

export function isBelow(path: ByteString, folder: ByteString): boolean {
  return path !== folder && (folder === "/" || path.startsWith(`${folder}/`));
}

/** The folders above all of `paths`, parents first, each once, without those that lie inside one of `paths`. */
export function foldersAbove(paths: readonly ByteString[]): ByteString[] {
  const above = new Set<ByteString>();
  for (const path of paths) {
    const chain: ByteString[] = [];
    for (let folder = path; folder !== "/"; ) {
      folder = parentOf(folder);
      chain.unshift(folder);
    }
    for (const folder of chain) {
      if (!paths.some((other) => other === folder || isBelow(folder, other))) above.add(folder);
    }
  }
  return [...above];
}
