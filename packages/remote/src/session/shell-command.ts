import type { RunOptions } from "@lifeboat/model";
import { quoteForShell } from "./quote-for-shell.ts";

/** Printed before the program's own output, with its process id: what stands before it is a banner of the account's shell. */
export const startMarker = /\0lifeboat-start ([0-9]{1,10})\0/;

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const maxCommandBytes = 120 * 1024; // Linux: one argument of execve has at most 128 KiB

interface CommandOptions extends Pick<RunOptions, "sudo" | "env" | "secretEnv" | "cwd"> {
  /** With the lowest priority for CPU and disk, where the host has the programs for it. */
  readonly nice?: boolean;
}

/**
 * The command line for an SSH exec request. The account's shell may be anything, so that it only has to start `sh` with
 * quoted words; the script itself is fixed but for names of variables. Values of `secretEnv` are not in it: the script
 * reads them, one line each in the order of the object's keys, from stdin.
 */
export function shellCommand(argv: readonly (string | Uint8Array)[], options: CommandOptions = {}): Buffer {
  if (argv.length === 0) throw new TypeError("no program given");
  const words = [...Object.values(options.env ?? {}), ...(options.cwd === undefined ? [] : [options.cwd])];
  const all = ["exec", "sh", "-c", startScript(options), "lifeboat", ...words, ...withSudo(argv, options)];
  const line = Buffer.concat(
    all.flatMap((word, at) => (at === 0 ? [quoteForShell(word)] : [Buffer.from(" "), quoteForShell(word)])),
  );
  if (line.length > maxCommandBytes) throw new TypeError(`a command line of ${line.length} bytes is too long`);
  return line;
}

/** The script alone: fixed, but for the names of variables. `$@` are values, folder, and the program with its arguments. */
export function startScript(options: CommandOptions = {}): string {
  const script = ['printf "\\\\000lifeboat-start %s\\\\000" "$$"', "LC_ALL=C", "export LC_ALL"];
  for (const name of Object.keys(options.env ?? {})) script.push(`${checkName(name)}=$1`, `export ${name}`, "shift");
  if (options.cwd !== undefined) script.push(`cd -- "$1" || exit 126`, "shift");
  for (const name of Object.keys(options.secretEnv ?? {})) {
    script.push(`IFS= read -r ${checkName(name)} || exit 125`, `export ${name}`);
  }
  if (options.nice === true) {
    script.push('if command -v ionice >/dev/null 2>&1; then set -- ionice -t -c 3 "$@"; fi');
    script.push('if command -v nice >/dev/null 2>&1; then set -- nice -n 19 "$@"; fi');
  }
  script.push('exec "$@"');
  return script.join("; ");
}

/** `sudo -n --` in front; variables that were given must survive sudo's cleaning of the environment. */
export function withSudo(argv: readonly (string | Uint8Array)[], options: CommandOptions): readonly (string | Uint8Array)[] {
  if (options.sudo !== true) return argv;
  const kept = [...Object.keys(options.env ?? {}), ...Object.keys(options.secretEnv ?? {})];
  return ["sudo", "-n", ...(kept.length > 0 ? [`--preserve-env=${kept.join(",")}`] : []), "--", ...argv];
}

/** The lines that the script reads before the program's own input. */
export function secretLines(secretEnv: Readonly<Record<string, string>>): Uint8Array {
  let text = "";
  for (const [name, value] of Object.entries(secretEnv)) {
    if (/[\n\0]/.test(value)) throw new TypeError(`the value for ${name} holds a line break or a NUL byte`);
    text += `${value}\n`;
  }
  return Buffer.from(text, "utf8");
}

function checkName(name: string): string {
  if (!variableName.test(name)) throw new TypeError(`"${name}" is no name of a variable`);
  return name;
}
