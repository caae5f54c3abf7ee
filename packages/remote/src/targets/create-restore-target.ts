import type { ByteString, CommandArgument, Machine, RestoreTarget } from "@lifeboat/model";
import { displayName, isLifeboatError, LifeboatError, toBytes } from "@lifeboat/model";
import { statNow } from "../files/after-check.ts";
import { commandFailure } from "../files/command-failure.ts";
import { createFileSource } from "../files/create-file-source.ts";
import { normalizePaths } from "../files/source-paths.ts";
import { collectOutput } from "../process/collect-output.ts";
import { createReplacement } from "./create-replacement.ts";
import { judgeExtract } from "./extract-failure.ts";

/**
 * Prints "STATE FREE_BLOCKS BLOCK_BYTES UID"; `$1` is the folder. The nearest folder above that exists tells the space. Before
 * it, "lacks PROGRAM": a find that does not know its words would make every folder look empty.
 */
const stateScript = `for p in find tar; do
  case $("$p" --version 2>/dev/null) in *GNU*) ;; *) echo "lacks $p"; exit 0 ;; esac
done
d=$1
if [ -d "$d" ]; then
  if [ -n "$(find "$d" -mindepth 1 -maxdepth 1 -printf x -quit)" ]; then s=full; else s=empty; fi
elif [ -e "$d" ] || [ -L "$d" ]; then s=other
else s=none; fi
while [ ! -d "$d" ]; do p=\${d%/*}; d=\${p:-/}; done
free=$(stat -f -c "%a %S" "$d") || exit 1
echo "$s $free $(id -u)"`
  .replaceAll("\n", "; ")
  .replace(/(then|else|do);/g, "$1");

/**
 * `$1` is the folder, then tar's words. Owners are set by number, as restic does, and only where root extracts.
 * GNU tar sets access lists and capabilities from their raw attributes, so that no text form of them is needed.
 */
const extractScript =
  'd=$1; shift; mkdir -p -- "$d" && cd -- "$d" || exit 120; ' +
  'if [ "$(id -u)" = 0 ]; then set -- "$@" --same-owner; else set -- "$@" --no-same-owner; fi; exec "$@"';

const extractCommand = [
  "tar",
  "--extract",
  "--file=-",
  // Pieces of 64 KiB instead of 10: a sixth of the system calls.
  "--blocking-factor=128",
  "--numeric-owner",
  "--same-permissions",
  "--delay-directory-restore",
  "--xattrs",
  "--xattrs-include=*",
  "--warning=no-timestamp",
  "--quoting-style=c",
];

/** Without the last word tar would replace files by removing them first. */
const extractWords = {
  everything: [...extractCommand, "--keep-old-files"],
  folders: extractCommand,
};

export interface RestoreTargetOptions {
  readonly sudo?: boolean;
}

/**
 * A folder on a machine. `extract` overwrites nothing: tar refuses each file that exists and says so; what is to be replaced comes
 * by `moveIn`. Names in the stream are relative; without --absolute-names tar also refuses to leave the folder by `..`. Through a
 * symlink that stood there before it would go: whoever restores into a folder that is not empty looks first.
 */
export function createRestoreTarget(machine: Machine, folder: ByteString, options: RestoreTargetOptions = {}): RestoreTarget {
  const name = `${displayName(folder)} on ${machine.name}`;
  const root = normalizePaths([folder], name)[0] ?? folder;
  const path = toBytes(root);
  const absolute = (relative: ByteString) => `${root === "/" ? "" : root}/${relative}` as ByteString;
  const sudo = options.sudo ?? false;
  const source = createFileSource(machine, { name, paths: [root], sudo });
  const shell = (script: string, ...words: CommandArgument[]): CommandArgument[] => ["sh", "-c", script, "lifeboat", ...words];
  const startState = async (signal: AbortSignal | undefined) => {
    try {
      return await machine.run(shell(stateScript, path), { sudo, noInput: true, ...(signal && { signal }) });
    } catch (error) {
      if (!isLifeboatError(error, "command-failed")) throw error;
      throw new LifeboatError(
        "command-failed",
        `restoring to ${name} needs a shell, GNU find and GNU tar there: ${error.message}`,
        {
          ...(error.hint !== undefined && { hint: error.hint }),
          cause: error,
        },
      );
    }
  };
  return {
    name,
    async state(signal) {
      const command = await startState(signal);
      const { stdout, stderr, status } = await collectOutput(command, { what: `the state of ${name}` });
      const lacking = /^lacks (find|tar)\n$/.exec(stdout.toString("latin1"))?.[1];
      if (lacking !== undefined) {
        throw new LifeboatError(
          "command-missing",
          `restoring to ${name} needs GNU find and GNU tar there, and ${lacking} is not GNU ${lacking}`,
          {
            hint: "Install them there, or restore to another machine and copy from it.",
            context: { program: lacking },
          },
        );
      }
      const match = /^(full|empty|none|other) ([0-9]+) ([0-9]+) ([0-9]+)\n$/.exec(stdout.toString("latin1"));
      if (status !== 0 || match === null) throw commandFailure("sh", name, status, stderr);
      if (match[1] === "other") {
        throw new LifeboatError("target-failed", `${name} is there, but is no folder`, {
          hint: "Name a new folder, or one that is empty.",
          context: { state: "nothing was changed" },
        });
      }
      return {
        exists: match[1] !== "none",
        empty: match[1] !== "full",
        freeBytes: Number(match[2]) * Number(match[3]),
        root: match[4] === "0",
      };
    },
    extract: (signal, content = "everything") =>
      machine.run(shell(extractScript, path, ...extractWords[content]), { sudo, signal, maxStderrBytes: 1024 * 1024 }),
    judge: (status, stderr) => judgeExtract(name, status, stderr),
    async look(paths, signal) {
      const { now } = await statNow(machine, paths.map(absolute), { sudo, signal });
      return now;
    },
    read: (entries, { signal }) => source.read(entries, { signal }),
    ...createReplacement({ machine, name, sudo, absolute }),
  };
}
