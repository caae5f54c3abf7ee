import type { ByteString, FileSelection, FileSource, Machine } from "@lifeboat/model";
import { hashFiles } from "./hash-files.ts";
import { listFiles } from "./list-files.ts";
import { openRanges, RangePrograms } from "./open-ranges.ts";
import { OwnerNames } from "./owner-names.ts";
import { lookAgain, readFiles } from "./read-files.ts";
import { readRest } from "./read-rest.ts";
import { normalizePaths } from "./source-paths.ts";

export interface FileSourceOptions extends FileSelection {
  /** For people: "/srv/www on web1". */
  readonly name: string;
  readonly paths: readonly ByteString[];
  readonly sudo?: boolean;
  /** Files from so many bytes on can be asked for their ranges; left out: none. */
  readonly rangesFromBytes?: number | undefined;
}

/** Files of a machine with GNU find and GNU tar. Nothing is written there; between calls only owners' names are remembered. */
export function createFileSource(machine: Machine, options: FileSourceOptions): FileSource {
  const paths = normalizePaths(options.paths, options.name);
  const { sudo = false } = options;
  const names = new OwnerNames(machine);
  const programs = new RangePrograms();
  return {
    name: options.name,
    paths,
    list: ({ signal, problem, leftOut }) =>
      listFiles({ machine, names, paths, selection: options, sudo, signal, problem, leftOut }),
    read: (entries, { signal }) => readFiles({ machine, names, sudo, signal }, entries),
    readRest: (entry, { offset, signal }) => readRest({ machine, names, sudo, signal }, entry, offset),
    ranges:
      options.rangesFromBytes === undefined
        ? undefined
        : {
            fromBytes: options.rangesFromBytes,
            open: (entry, { knownBytes, signal }) => openRanges({ machine, names, sudo, signal }, programs, entry, knownBytes),
          },
    hash: (entries, { signal }) => hashFiles({ machine, sudo, signal }, entries),
    look: (entries, { signal }) => lookAgain({ machine, names, sudo, signal }, entries),
    bytesReceived: () => machine.bytesReceived(),
  };
}
