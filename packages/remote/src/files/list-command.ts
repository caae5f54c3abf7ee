import type { ByteString, CommandArgument, FileSelection, LeftOutReason } from "@lifeboat/model";
import { toBytes } from "@lifeboat/model";
import { compileGlobs, waysTo } from "./path-rules.ts";
import { maxPathBytes, recordFormat } from "./remote-commands.ts";
import { tagNames } from "./tag-names.ts";

// GNU find 4.4 or later. What may stand here is known to the checking script: least-privilege/allowed-commands.ts.

/** Folders without end, which anybody can make, must not become a listing without end. */
const isTooLong: readonly CommandArgument[] = ["-path", `${"?".repeat(maxPathBytes + 1)}*`];

/** In front of the records of what does not belong to the source. */
export const leftOutMarks = { pattern: "-", size: "+", tag: "*" } as const satisfies Readonly<Record<LeftOutReason, string>>;

export interface ListCommandOptions {
  readonly paths: readonly ByteString[];
  readonly selection: FileSelection;
  /** Listed themselves, but not what they hold. */
  readonly stopAt: readonly ByteString[];
  /** Marked by a tag: nobody needs to look into the folders below. */
  readonly tagged?: readonly ByteString[];
  /** Records of what patterns and sizes leave out come too, marked. */
  readonly tellLeftOut?: boolean;
}

export function listCommand(options: ListCommandOptions): CommandArgument[] {
  const { paths, selection, stopAt, tagged = [], tellLeftOut = false } = options;
  const tell = (mark: string): CommandArgument[] => (tellLeftOut ? ["-printf", `${mark}${recordFormat}`] : []);
  const { excludeLargerThan } = selection;
  const tooLarge = ["-type", "f", "-size", `+${excludeLargerThan}c`];
  return [
    "find",
    ...start(paths, selection),
    ...(stopAt.length > 0 ? [...pathsAre(stopAt), "-prune", "-printf", recordFormat, "-o"] : []),
    ...leftOut(selection, [...tell(leftOutMarks.pattern), "-o"]),
    ...(tagged.length > 0 ? [...belowTagged(tagged, selection), "-prune", ...tell(leftOutMarks.tag), "-o"] : []),
    ...(excludeLargerThan === undefined ? [] : [...tooLarge, ...tell(leftOutMarks.size), "-o"]),
    ...["(", ...isTooLong, "-prune", "-o", "-true", ")"],
    "-printf",
    recordFormat,
  ];
}

/** Records of everything below the paths that has the name of a tag, but for what lies in folders that patterns leave out. */
export function tagsCommand({ paths, selection, stopAt }: ListCommandOptions): CommandArgument[] {
  return [
    "find",
    ...start(paths, selection),
    ...[...isTooLong, "-prune", "-o"],
    ...[...isTag(selection), "-printf", recordFormat, "-o"],
    ...(stopAt.length > 0 ? [...pathsAre(stopAt), "-prune", "-o"] : []),
    ...leftOut(selection, ["-o"]),
    "-false",
  ];
}

function start(paths: readonly ByteString[], { oneFilesystem = false }: FileSelection): CommandArgument[] {
  return [...paths.map(toBytes), ...(oneFilesystem ? ["-xdev"] : [])];
}

/**
 * Folders that patterns leave out are not gone into, but for those in which an exception may lie: whether something in them is
 * left out depends on what lies above it, and that is `SelectionFilter`'s to say.
 */
function leftOut({ exclude = [], include = [] }: FileSelection, after: readonly CommandArgument[]): CommandArgument[] {
  if (exclude.length === 0) return [];
  const end = ["-prune", ...after];
  const excluded = anyOf(testsOf(exclude));
  const syntax = ["-regextype", "posix-extended"];
  if (include.length === 0) return [...syntax, ...excluded, ...end];
  const below = (globs: readonly string[]) =>
    anyOf(compileGlobs(globs).map(({ regex }) => ["-regex", toBytes(`${regex}/.*` as ByteString)]));
  const isExcluded = ["(", ...excluded, "-o", ...below(exclude), "!", ...below(include), ")"];
  const leads = ["(", "-type", "d", ...anyOf(testsOf(waysTo(include))), ")"];
  return [...syntax, "!", ...anyOf(testsOf(include)), "!", ...leads, ...isExcluded, ...end];
}

function isTag(selection: FileSelection): CommandArgument[] {
  return anyOf(tagNames(selection).map((name) => ["-name", toBytes(escapeGlob(name))]));
}

/** All below, but for what a tag that is a folder holds. Paths, not expressions: those are slow where there are many. */
function belowTagged(folders: readonly ByteString[], selection: FileSelection): CommandArgument[] {
  const isPath = (glob: string) => ["-path", toBytes(glob as ByteString)];
  const below = folders.map((folder) => isPath(`${escapeGlob(folder).replace(/\/$/, "")}/*`));
  const inTag = tagNames(selection).map((name) => isPath(`*/${escapeGlob(name)}/*`));
  return ["-type", "d", ...anyOf(below), "!", ...isTag(selection), "!", ...anyOf(inTag)];
}

function testsOf(globs: readonly string[]): CommandArgument[][] {
  return compileGlobs(globs).map(({ regex, onlyFolders }) => {
    const test = ["-regex", toBytes(regex)];
    return onlyFolders ? ["(", "-type", "d", ...test, ")"] : test;
  });
}

function pathsAre(paths: readonly ByteString[]): CommandArgument[] {
  return anyOf(paths.map((path) => ["-path", toBytes(escapeGlob(path))]));
}

/** find reads names and paths as globs. */
function escapeGlob(text: ByteString): ByteString {
  return text.replace(/[*?[\]\\]/g, "\\$&") as ByteString;
}

function anyOf(tests: readonly (readonly CommandArgument[])[]): CommandArgument[] {
  return ["(", ...tests.flatMap((test, at) => (at === 0 ? test : ["-o", ...test])), ")"];
}
