import type { ByteString, FileSource, Machine } from "@lifeboat/model";
import { listFiles } from "./list-files.ts";
import { OwnerNames } from "./owner-names.ts";
import { lookAgain, readFiles } from "./read-files.ts";
import { readRest } from "./read-rest.ts";
import { normalizePaths } from "./source-paths.ts";

export interface FileSourceOptions {
  /** For people: "/srv/www on web1". */
  readonly name: string;
  readonly paths: readonly ByteString[];
  /** Patterns as `globToRegex` reads them. */
  readonly exclude?: readonly string[];
  /** Do not cross into other file systems; mount points themselves are listed. */
  readonly oneFilesystem?: boolean;
  readonly sudo?: boolean;
}

/** Files of a machine with GNU find and GNU tar. Nothing is written there; between calls only owners' names are remembered. */
export function createFileSource(machine: Machine, options: FileSourceOptions): FileSource {
  const paths = normalizePaths(options.paths, options.name);
  const { exclude = [], oneFilesystem = false, sudo = false } = options;
  const names = new OwnerNames(machine);
  return {
    name: options.name,
    paths,
    list: ({ signal, problem }) => listFiles({ machine, names, paths, exclude, oneFilesystem, sudo, signal, problem }),
    read: (entries, { signal }) => readFiles({ machine, names, sudo, signal }, entries),
    readRest: (entry, { offset, signal }) => readRest({ machine, names, sudo, signal }, entry, offset),
    look: (entries, { signal }) => lookAgain({ machine, names, sudo, signal }, entries),
    bytesReceived: () => machine.bytesReceived(),
  };
}
