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

export async function removeTree(machine: Machine, path: string, signal: AbortSignal): Promise<void> {
  const result = await runCommand(machine, ["rm", "-rf", "--one-file-system", "--", path], { signal });
  if (result.exit.status === 0) return;
  // Restored folders may be read-only, which stops everyone but root.
  await runCommand(machine, ["chmod", "-R", "u+rwX", "--", path], { signal });
  await must(machine, ["rm", "-rf", "--one-file-system", "--", path], signal, `removing ${path}`);
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
