import type { ByteString, CommandArgument, Machine, RestoreTarget, TargetProblem } from "@lifeboat/model";
import { byteString, displayName, fromBytes, toBytes } from "@lifeboat/model";
import { commandFailure } from "../files/command-failure.ts";
import { collectOutput } from "../process/collect-output.ts";
import { judgeExtract } from "./extract-failure.ts";

/** Paths on stdin, NUL-ended and absolute. `rm` without --recursive refuses a folder. */
const removeCommand = ["xargs", "-0", "-r", "rm", "-f", "--"];
const openCommand = ["xargs", "-0", "-r", "chmod", "u+rwx", "--"];
const touchCommand = ["xargs", "-0", "-r", "touch", "-c", "-h", "--"];
/** Removes what killed restores left beside it: stages of the same name but for the eight characters at its end. */
const makeStagesCommand = [
  "xargs",
  "-0",
  "-r",
  "sh",
  "-c",
  'for s; do rm -rf -- "${s%????????}"????????; mkdir -m 700 -- "$s" || exit 1; done',
  "lifeboat",
];
const removeStagesCommand = ["xargs", "-0", "-r", "rm", "-rf", "--"];

/**
 * `$1` is the folder that holds the stage, `$2` the stage's name; stdin the stage's folders. Each file that waits is renamed over what
 * stands at its place: a kill leaves the old file or the new one there, and what has not moved waits in the stage, which the next
 * restore into this target removes. Prints what did not move, and removes it.
 */
const moveScript =
  'cd -- "$1" || exit 120; ' +
  'xargs -0 -r sh -c \'s=$0; for d; do find "./$s/$d" -mindepth 1 -maxdepth 1 ! -type d -exec mv -f -t "./$d" -- {} +; done\' "$2"; ' +
  'find "./$2" ! -type d -printf "%P\\0" -delete';

const maxLeftBytes = 64 * 1024 * 1024;

type Replacement = Pick<RestoreTarget, "prepare" | "moveIn" | "discard" | "touch" | "removeStages">;

/** The part of a restore target that replaces what stands there. */
export function createReplacement(target: {
  readonly machine: Machine;
  readonly name: string;
  readonly sudo: boolean;
  readonly absolute: (relative: ByteString) => ByteString;
}): Replacement {
  const { machine, name, sudo, absolute } = target;
  /** One command for any number of paths; its stdout and stderr. A status of its own is an error unless xargs says that some failed. */
  const feed = async (argv: readonly CommandArgument[], words: readonly ByteString[], signal: AbortSignal, mayFail = false) => {
    const command = await machine.run(argv, { sudo, signal });
    const input = Buffer.from(words.map((word) => `${word}\0`).join(""), "latin1");
    const output = await collectOutput(command, { input, limitBytes: maxLeftBytes, what: `the target ${name}` });
    signal.throwIfAborted();
    if (output.status === 0 || (mayFail && output.status === 1)) return output;
    const { failure } = judgeExtract(name, 120, output.stderr);
    throw failure ?? commandFailure("sh", name, output.status, output.stderr);
  };
  const feedPaths = async (argv: readonly string[], paths: readonly ByteString[], signal: AbortSignal) => {
    if (paths.length > 0) await feed(argv, paths.map(absolute), signal);
  };
  return {
    async prepare({ remove, open, stages }, signal) {
      // Killed in between: a link or file that stood in a folder's place is gone, what a link named is untouched; the next restore
      // makes the folder. Folders that were opened get their mode back by the next restore.
      await feedPaths(openCommand, open, signal);
      await feedPaths(removeCommand, remove, signal);
      await feedPaths(makeStagesCommand, stages, signal);
    },
    async moveIn(stage, folders, signal) {
      const slash = stage.lastIndexOf("/");
      const parent = stage.slice(0, Math.max(0, slash)) as ByteString;
      const argv = ["sh", "-c", moveScript, "lifeboat", toBytes(absolute(parent)), toBytes(stage.slice(slash + 1) as ByteString)];
      const { stdout, stderr } = await feed(argv, folders, signal, true);
      return fromBytes(stdout)
        .split("\0")
        .slice(0, -1)
        .map((left): TargetProblem => {
          const path = (parent === "" ? left : `${parent}/${left}`) as ByteString;
          return { path, message: `cannot be replaced: ${wordsAbout(stderr)}`, kind: "missing" };
        });
    },
    discard: (paths, signal) => feedPaths(removeCommand, paths, signal),
    touch: (paths, signal) => feedPaths(touchCommand, paths, signal),
    // Killed in between: the next restore into this target removes the rest.
    removeStages: (stages, signal) => feedPaths(removeStagesCommand, stages, signal),
  };
}

/** mv quotes names in its own way; its first reason is enough for people. */
function wordsAbout(stderr: string): string {
  const line = stderr.split("\n").find((text) => text.startsWith("mv: "));
  return displayName(byteString(line ?? "the new file could not be moved to its place")).slice(0, 300);
}
