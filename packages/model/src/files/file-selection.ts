/** What of a source's paths belongs to it. Everything is optional: without any of it all that lies below the paths does. */
export interface FileSelection {
  /** Globs as `globToRegex` reads them: what they match is left out, with all that lies below. */
  readonly exclude?: readonly string[];
  /** Exceptions from `exclude`. Of a path's own matches and those of the folders above it, the deepest counts; `include` at the same depth. */
  readonly include?: readonly string[];
  /** Of a folder with a CACHEDIR.TAG only that file is kept. */
  readonly excludeCaches?: boolean;
  /** Of a folder that holds one of these names only what is called so is kept. */
  readonly excludeIfPresent?: readonly string[];
  /** Regular files with more bytes are left out. */
  readonly excludeLargerThan?: number | undefined;
  /** Do not cross into other file systems; mount points themselves are listed. */
  readonly oneFilesystem?: boolean;
}

/** Why something is left out: by a pattern, by a tag file in its folder, by its size. */
export type LeftOutReason = "pattern" | "tag" | "size";
