import { LifeboatError, type Machine } from "@lifeboat/model";
import { type CommandResult, lastWords, outputOf, runCommand } from "./run-command.ts";

/** Small file operations on a machine, each one program with an argument list. */

async function must(machine: Machine, argv: readonly string[], signal: AbortSignal, what: string): Promise<CommandResult> {
  const result = await runCommand(machine, argv, { signal });
  if (result.exit.status !== 0) {
    throw new LifeboatError("drill-target-failed", `${what} failed on ${machine.name}: ${lastWords(result)}`);
  }
  return result;
}

/** True for anything of that name, dangling links too. Rejects when the machine gives no answer. */
export async function pathExists(machine: Machine, path: string, signal: AbortSignal): Promise<boolean> {
  const result = await runCommand(machine, ["sh", "-c", '[ -e "$1" ] || [ -L "$1" ]', "sh", path], { signal });
  // `[` ends with 1 for "no"; everything above is no answer.
  if (result.exit.status === 0 || result.exit.status === 1) return result.exit.status === 0;
  throw new LifeboatError("drill-target-failed", `looking at ${path} failed on ${machine.name}: ${lastWords(result)}`);
}

/** Makes the folders above with usual modes, the last one with 0700; fails when that one is there already. */
export async function makeFolder(machine: Machine, path: string, signal: AbortSignal, mode = "0700"): Promise<void> {
  const parent = path.slice(0, path.lastIndexOf("/")) || "/";
  await must(machine, ["mkdir", "-p", "--", parent], signal, `creating ${parent}`);
  await must(machine, ["mkdir", "-m", mode, "--", path], signal, `creating ${path}`);
}

/**
 * Removes a file or folder with all that is below. Refuses when a file system is mounted in it: `--one-file-system` alone
 * goes into a bind mount of the same file system and would empty what is not the drill's.
 */
export async function removeTree(machine: Machine, path: string, signal: AbortSignal): Promise<void> {
  await refuseMounts(machine, path, signal);
  const result = await runCommand(machine, ["rm", "-rf", "--one-file-system", "--", path], { signal });
  if (result.exit.status === 0) return;
  // Restored folders may be read-only, which stops everyone but root. One by one, because a folder must be open before
  // find looks into it; -xdev, because a mount may have come since.
  const closed = ["-type", "d", "!", "-perm", "-700"];
  await runCommand(machine, ["find", path, "-xdev", ...closed, "-exec", "chmod", "u+rwx", "{}", ";"], { signal });
  await refuseMounts(machine, path, signal);
  await must(machine, ["rm", "-rf", "--one-file-system", "--", path], signal, `removing ${path}`);
}

async function refuseMounts(machine: Machine, path: string, signal: AbortSignal): Promise<void> {
  // The kernel lists mounts by their real paths. The last name stays as it is: `rm` does not follow a link.
  const at = path.lastIndexOf("/");
  const script = 'realpath -mz -- "$1" && cat /proc/self/mountinfo';
  const argv = ["sh", "-c", script, "sh", path.slice(0, at) || "/"];
  const result = await runCommand(machine, argv, { signal, maxOutputBytes: 16 << 20 });
  const [parent = "", mounts = ""] = outputOf(result).split("\0");
  if (result.exit.status !== 0 || result.truncated || mounts === "") {
    const why = result.truncated ? "the list of mounts is too long" : lastWords(result);
    throw new LifeboatError("drill-target-failed", `${path} on ${machine.name} is left: its mounts cannot be told: ${why}`);
  }
  const own = `${parent === "/" ? "" : parent}${path.slice(at)}`;
  for (const line of mounts.split("\n")) {
    const point = (line.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));
    if (point === own || point.startsWith(`${own}/`)) {
      throw new LifeboatError("drill-target-failed", `${path} on ${machine.name} is left: a mount is inside, at ${point}`, {
        hint: "Unmount it, then run 'lifeboat drill sweep'.",
      });
    }
  }
}

/** Bytes free where `path` is or will be. */
export async function freeBytes(machine: Machine, path: string, signal: AbortSignal): Promise<number> {
  let at = path;
  while (at !== "/" && !(await pathExists(machine, at, signal))) at = at.slice(0, at.lastIndexOf("/")) || "/";
  const result = await must(machine, ["df", "-Pk", "--", at], signal, `measuring free space at ${at}`);
  const fields = (outputOf(result).trim().split("\n")[1] ?? "").trim().split(/\s+/);
  const kib = Number(fields[3]);
  if (!Number.isFinite(kib)) throw new LifeboatError("drill-target-failed", `df on ${machine.name} gave no figure for ${at}`);
  return kib * 1024;
}

/** Bytes on disk below `path`. */
export async function usedBytes(machine: Machine, path: string, signal: AbortSignal): Promise<number> {
  const result = await must(machine, ["du", "-skx", "--", path], signal, `measuring ${path}`);
  return Number.parseInt(outputOf(result), 10) * 1024;
}

/** Writes a small file that only the login user can read; its content comes over stdin, never in an argument. */
export async function writePrivateFile(machine: Machine, path: string, text: string, signal: AbortSignal): Promise<void> {
  const script = 'umask 077 && cat > "$1"';
  const result = await runCommand(machine, ["sh", "-c", script, "sh", path], { signal, input: text });
  if (result.exit.status !== 0) {
    throw new LifeboatError("drill-target-failed", `writing ${path} failed on ${machine.name}: ${lastWords(result)}`);
  }
}

/** Seconds by which the machine's clock is ahead of `nowMs`; whole seconds. */
export async function clockSkewSeconds(machine: Machine, now: () => number, signal: AbortSignal): Promise<number> {
  const before = now();
  const result = await must(machine, ["date", "-u", "+%s"], signal, "reading the clock");
  const middle = (before + now()) / 2;
  // `date` cuts the fraction off, half a second on average; `|| 0` because JSON has no minus zero.
  return Math.round(Number.parseInt(outputOf(result), 10) + 0.5 - middle / 1000) || 0;
}
