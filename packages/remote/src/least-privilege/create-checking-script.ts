import { readFileSync } from "node:fs";
import type { ByteString, CompiledSource } from "@lifeboat/model";
import { byteString } from "@lifeboat/model";
import { normalizePaths } from "../files/source-paths.ts";
import { startScript } from "../session/shell-command.ts";
import { allowedCommands, allowedQuestions, escapeForPerl } from "./allowed-commands.ts";

export interface CheckingScriptOptions {
  readonly sources: readonly CompiledSource[];
  /** Commands may ask for root by sudo. */
  readonly sudo: boolean;
  /** Where it is installed: authorized_keys and sudoers name this path. */
  readonly path: string;
}

/**
 * A Perl script that an admin installs on a host: it takes the place of every command that the SSH key asks for and runs
 * only those that reading these sources needs, only on their paths.
 */
export function createCheckingScript({ sources, sudo, path }: CheckingScriptOptions): string {
  const template = readFileSync(new URL("./checking-script.pl", import.meta.url), "utf8");
  const paths = sources.flatMap((source) => (source.type === "files" ? normalizePaths(source.paths, source.name) : []));
  const questions = allowedQuestions(sources);
  const starts = [false, true].flatMap((nice) => [
    [startScript({ nice }), "", nice] as const,
    [startScript({ nice, secretEnv: { PGPASSWORD: "" } }), "PGPASSWORD", nice] as const,
  ]);
  const filled: Record<string, string> = {
    SELF: quote(byteString(path)),
    SUDO: flag(sudo),
    PATHS: list(paths.map(quote)),
    STARTS: list(starts.map(([script, variable, nice]) => `[${quote(byteString(script))}, '${variable}', ${flag(nice)}]`)),
    COMMANDS: list(allowedCommands(sources).map((one) => `[qr/${one.pattern}/s, '${one.input}', ${flag(one.sudo)}]`)),
    LINES: list(
      (["psql", "sqlite3"] as const).map(
        (program) => `${program} => {${list(questions[program].map((line) => `${quote(line)} => 1`))}}`,
      ),
    ),
  };
  return template.replace(/@([A-Z]+)@/g, (name, key: string) => filled[key] ?? name);
}

/** Between single quotes: readable, and the admin reads this script before installing it. */
function quote(bytes: ByteString): string {
  return /^[\n\x20-\x7e]*$/.test(bytes) ? `'${bytes.replace(/['\\]/g, "\\$&")}'` : `"${escapeForPerl(bytes)}"`;
}

function list(items: readonly string[]): string {
  return items.length === 0 ? "" : `\n    ${items.join(",\n    ")},\n`;
}

function flag(value: boolean): string {
  return value ? "1" : "0";
}
