import type { ByteString, CommandArgument, Machine, RestoreTarget } from "@lifeboat/model";
import { displayName, LifeboatError, toBytes } from "@lifeboat/model";
import { commandFailure } from "../files/command-failure.ts";
import { normalizePaths } from "../files/source-paths.ts";
import { collectOutput } from "../process/collect-output.ts";
import { judgeExtract } from "./extract-failure.ts";

/** Prints "STATE FREE_BLOCKS BLOCK_BYTES UID"; `$1` is the folder. The nearest folder above that exists tells the space. */
const stateScript = `d=$1
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
  "--numeric-owner",
  "--same-permissions",
  "--delay-directory-restore",
  "--keep-old-files",
  "--xattrs",
  "--xattrs-include=*",
  "--warning=no-timestamp",
  "--quoting-style=c",
];

export interface RestoreTargetOptions {
  readonly sudo?: boolean;
}

/**
 * A folder on a machine. Nothing there is ever overwritten: tar refuses each file that exists and says so. Names in the
 * stream are relative; without --absolute-names tar also refuses to leave the folder by `..` or through a symlink.
 */
export function createRestoreTarget(machine: Machine, folder: ByteString, options: RestoreTargetOptions = {}): RestoreTarget {
  const name = `${displayName(folder)} on ${machine.name}`;
  const path = toBytes(normalizePaths([folder], name)[0] ?? folder);
  const sudo = options.sudo ?? false;
  const shell = (script: string, ...words: CommandArgument[]): CommandArgument[] => ["sh", "-c", script, "lifeboat", ...words];
  return {
    name,
    async state(signal) {
      const command = await machine.run(shell(stateScript, path), { sudo, signal });
      const { stdout, stderr, status } = await collectOutput(command, { what: `the state of ${name}` });
      const match = /^(full|empty|none|other) ([0-9]+) ([0-9]+) ([0-9]+)\n$/.exec(stdout.toString("latin1"));
      if (status !== 0 || match === null) throw commandFailure("sh", name, status, stderr);
      if (match[1] === "other") throw new LifeboatError("target-failed", `${name} is there, but is no folder`);
      return {
        exists: match[1] !== "none",
        empty: match[1] !== "full",
        freeBytes: Number(match[2]) * Number(match[3]),
        root: match[4] === "0",
      };
    },
    extract: (signal) =>
      machine.run(shell(extractScript, path, ...extractCommand), { sudo, signal, maxStderrBytes: 1024 * 1024 }),
    judge: (status, stderr) => judgeExtract(name, status, stderr),
  };
}
