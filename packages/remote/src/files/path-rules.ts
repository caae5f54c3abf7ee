import type { ByteString, FileSelection } from "@lifeboat/model";
import { byteString, globToRegex } from "@lifeboat/model";

/** `way`: left out itself, but something below it may be an exception. */
export type Standing = "in" | "way" | "out";

export interface PathPattern {
  /** For the whole path, in bytes: the same for find and for JavaScript. */
  readonly regex: ByteString;
  readonly onlyFolders: boolean;
}

export function compileGlobs(globs: readonly string[]): PathPattern[] {
  return globs.map((glob) => ({ regex: globToRegex(byteString(glob)) as ByteString, onlyFolders: glob.endsWith("/") }));
}

/** Globs of the folders below which something may match one of `globs`; of all folders where that cannot be told. */
export function waysTo(globs: readonly string[]): string[] {
  const ways = new Set<string>();
  for (const glob of globs) {
    const pattern = glob.replace(/\/+$/, "");
    ways.add("/");
    // Unanchored, or with a slash that separates nothing.
    if (!pattern.startsWith("/") || /\[[^\]]*\/|\\\//.test(pattern)) {
      ways.add("/**");
      continue;
    }
    const anywhere = pattern.indexOf("**");
    const fixed = anywhere < 0 ? pattern : pattern.slice(0, anywhere);
    for (let slash = fixed.indexOf("/", 1); slash > 0; slash = fixed.indexOf("/", slash + 1)) ways.add(fixed.slice(0, slash));
    if (anywhere >= 0) ways.add(pattern.slice(0, anywhere + 2));
  }
  return [...ways];
}

/** Whether a path belongs to a source by `exclude` and `include`. The rule itself is at `FileSelection`. */
export class PathRules {
  readonly #exclude: (path: ByteString, isFolder: boolean) => boolean;
  readonly #include: (path: ByteString, isFolder: boolean) => boolean;
  readonly #leads: (path: ByteString, isFolder: boolean) => boolean;

  constructor({ exclude = [], include = [] }: FileSelection) {
    this.#exclude = matcher(exclude);
    this.#include = matcher(include);
    this.#leads = matcher(waysTo(include));
  }

  /** `above`: how the folder stands that holds it; "in" for a path of the source itself. */
  standing(path: ByteString, isFolder: boolean, above: Standing): Standing {
    if (this.#include(path, isFolder)) return "in";
    if (above === "in" && !this.#exclude(path, isFolder)) return "in";
    return isFolder && this.#leads(path, true) ? "way" : "out";
  }
}

function matcher(globs: readonly string[]): (path: ByteString, isFolder: boolean) => boolean {
  const tests = compileGlobs(globs).map(({ regex, onlyFolders }) => ({ regex: new RegExp(`^(?:${regex})$`, "s"), onlyFolders }));
  return (path, isFolder) => tests.some(({ regex, onlyFolders }) => (isFolder || !onlyFolders) && regex.test(path));
}
