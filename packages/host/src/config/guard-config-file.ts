import type { Stats } from "node:fs";
import { lstat } from "node:fs/promises";
import { LifeboatError } from "@lifeboat/model";

/**
 * Files that nobody named: they only lay in the working folder. Kept here because what is checked must be the file that is opened,
 * and between finding and opening there is the caller.
 */
const stumbledUpon = new Set<string>();

export function rememberStumbledConfig(path: string): void {
  stumbledUpon.add(path);
}

export function rememberNamedConfig(path: string): void {
  stumbledUpon.delete(path);
}

/**
 * A configuration names commands, so whoever may write it may run them. No file may be open to everybody; one that nobody named
 * must also be our own or root's (as must a link to it) and closed to its group. `stat` is of the opened file.
 * Errors: `config-invalid`.
 */
export async function guardConfigFile(path: string, stat: Stats): Promise<void> {
  const stumbled = stumbledUpon.has(path);
  const quoted = `'${path.replaceAll("'", "'\\''")}'`;
  const mode = `mode 0${(stat.mode & 0o7777).toString(8)}`;
  const uid = process.getuid?.() ?? 0;
  const trusted = (owner: number) => owner === uid || owner === 0;
  if (stumbled) {
    const name = await lstat(path);
    const owner = [stat.uid, name.uid].find((one) => !trusted(one));
    const chown = name.isSymbolicLink() && !trusted(name.uid) ? "chown -h" : "chown";
    if (owner !== undefined) {
      throw new LifeboatError(
        "config-invalid",
        `configuration ${path} (in the working folder) belongs to uid ${owner} (${mode}), not to uid ${uid} or root`,
        { hint: `Name it with --config if you trust it, or look through it and run: ${chown} ${uid} ${quoted}` },
      );
    }
  }
  const open = stat.mode & (stumbled ? 0o022 : 0o002);
  if (open === 0) return;
  throw new LifeboatError(
    "config-invalid",
    `configuration ${path} may be written by ${open & 0o002 ? "everybody" : "its group"} (${mode}, uid ${stat.uid}, gid ${stat.gid})`,
    { hint: `Look through it and run: chmod ${stumbled ? "go-w" : "o-w"} ${quoted}` },
  );
}
