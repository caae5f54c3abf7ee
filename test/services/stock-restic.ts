import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findStockRestic, type ResticVersion } from "./find-stock-restic.ts";
import { type CommandResult, runCommand } from "./run-command.ts";
import { createTempFolder } from "./temp-folder.ts";

export interface StockResticOptions {
  /** As restic spells it: `/srv/repo`, `s3:http://host:port/bucket/prefix`. */
  readonly repository: string;
  readonly password: string;
  /** Further variables, for instance `objectStoreEnvironment(store)`. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ResticRunOptions {
  /** How stdout becomes a string; default utf8. */
  readonly encoding?: BufferEncoding;
  readonly accept?: readonly number[] | "any";
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
}

export interface StockRestic extends AsyncDisposable {
  readonly version: ResticVersion;
  readonly path: string;
  readonly passwordFile: string;
  /** Runs `restic ARGS` on the repository with a private cache folder and TZ=UTC. */
  run(args: readonly string[], options?: ResticRunOptions): Promise<CommandResult>;
  /** The same with `--json`; the lines that are JSON, parsed. */
  runJson(args: readonly string[], options?: ResticRunOptions): Promise<unknown[]>;
}

/** A stock restic bound to one repository. Ask `findStockRestic` first where a missing one skips the test. */
export async function stockRestic(version: ResticVersion, options: StockResticOptions): Promise<StockRestic> {
  const found = await findStockRestic(version);
  if ("missing" in found) throw new Error(found.missing);
  const temp = await createTempFolder("restic");
  const passwordFile = join(temp.path, "password");
  await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
  const home = join(temp.path, "home");
  await mkdir(home);
  const env = {
    ...options.env,
    RESTIC_REPOSITORY: options.repository,
    RESTIC_PASSWORD_FILE: passwordFile,
    RESTIC_CACHE_DIR: join(temp.path, "cache"),
    HOME: home,
  };
  const run = (args: readonly string[], more: ResticRunOptions = {}) =>
    runCommand(found.path, args, { ...more, env: { ...env, ...more.env } });
  return {
    version,
    path: found.path,
    passwordFile,
    run,
    runJson: async (args, more) => {
      const { stdout } = await run([...args, "--json"], more);
      return stdout
        .split("\n")
        .filter((line) => /^\s*[[{]/.test(line))
        .map((line) => JSON.parse(line) as unknown);
    },
    [Symbol.asyncDispose]: temp.remove,
  };
}
