import { type ByteString, displayName, LifeboatError, type Machine } from "@lifeboat/model";
import { nulSeparated, relativePath } from "../checks/check-file-hash.ts";
import { lastWords, runCommand } from "../machine/run-command.ts";
import type { SampledFile } from "../ports.ts";
import type { LiveTarget } from "../targets.ts";
import type { Damage } from "./damage.ts";

// Constant scripts: names reach them as arguments (from xargs, so that any bytes pass), never as part of the text.
const flipScript = `f=$1
chmod u+w -- "$f" || exit 1
size=$(stat -c %s -- "$f") || exit 1
if [ "$size" -eq 0 ]; then printf x >> "$f"; exit; fi
at=$((size / 2))
byte=$(od -An -tu1 -j "$at" -N 1 -- "$f" | tr -d ' ')
printf "\\\\$(printf %03o $((byte ^ 255)))" | dd of="$f" bs=1 seek="$at" conv=notrunc 2>/dev/null`;

async function must(
  machine: Machine,
  argv: readonly string[],
  cwd: string,
  input: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const result = await runCommand(machine, argv, { signal, cwd, input });
  if (result.exit.status !== 0)
    throw new LifeboatError("drill-control-failed", `${argv[0]} on ${machine.name}: ${lastWords(result)}`);
}

function folderOf(copy: LiveTarget): string {
  if (copy.type !== "directory") throw new Error(`target ${copy.id} is no directory`);
  return copy.path;
}

/** Turns every bit of the byte in the middle of one file; an empty file gets one byte. */
export function flipByte(path: ByteString): Damage {
  return {
    text: `one byte of ${displayName(path)} flipped`,
    async apply(copy, signal) {
      const argv = ["xargs", "-0", "-n", "1", "sh", "-c", flipScript, "sh"];
      await must(copy.machine, argv, folderOf(copy), nulSeparated([relativePath(path)]), signal);
      return copy;
    },
  };
}

const nothing = new Uint8Array(0);

/** For commands, of which nobody knows what they look at. In the order in which they are done: the second comes on top. */
export function damageFolder(): Damage[] {
  const find = (action: readonly string[]) => ["find", ".", "-xdev", "-type", "f", ...action];
  return [
    {
      text: "every file emptied",
      async apply(copy, signal) {
        await must(copy.machine, ["chmod", "-R", "u+rwX", "--", "."], folderOf(copy), nothing, signal);
        await must(copy.machine, find(["-exec", "truncate", "-s", "0", "--", "{}", "+"]), folderOf(copy), nothing, signal);
        return copy;
      },
    },
    {
      text: "every file removed",
      async apply(copy, signal) {
        await must(copy.machine, find(["-delete"]), folderOf(copy), nothing, signal);
        return copy;
      },
    },
  ];
}

/** The file to damage and some others of the sample, at most 256 MiB together with it, so that the copy stays small. */
export function chooseControlFiles(
  sample: readonly SampledFile[],
  random: () => number,
): { readonly victim: SampledFile; readonly files: readonly SampledFile[] } | undefined {
  const filled = sample.filter((file) => file.size > 0);
  const candidates = filled.length > 0 ? filled : sample;
  const victim = candidates[Math.floor(random() * candidates.length)];
  if (victim === undefined) return undefined;
  let room = 256 * 1024 * 1024 - victim.size;
  const files = [victim];
  for (const file of sample) {
    if (files.length >= 50) break;
    if (file === victim || file.size > room) continue;
    room -= file.size;
    files.push(file);
  }
  return { victim, files };
}

/** Copies files with the folders above them, below `to`, which exists. */
export async function copyFiles(
  machine: Machine,
  from: string,
  to: string,
  files: readonly SampledFile[],
  signal: AbortSignal,
): Promise<void> {
  const names = nulSeparated(files.map((file) => relativePath(file.path)));
  await must(machine, ["xargs", "-0", "cp", "-a", "--parents", "-t", to, "--"], from, names, signal);
}
