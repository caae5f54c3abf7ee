import { accessSync, constants, mkdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { LifeboatError, messageOf } from "@lifeboat/model";
import type { Environment } from "../environment/environment.ts";

export interface StateFolderChoice {
  /** `--state`. */
  readonly flag?: string | undefined;
  /** `control.state` of the configuration. */
  readonly configured?: string | undefined;
  readonly environment: Environment;
  /** Default: whether this process runs as root. */
  readonly root?: boolean;
}

/** Path of the folder for history, queue, caches, install id and socket; all of it can be lost. Nothing is created. */
export function findStateFolder({ flag, configured, environment, root }: StateFolderChoice): string {
  const chosen = flag ?? configured;
  if (chosen !== undefined) return resolve(chosen);
  if (root ?? process.getuid?.() === 0) return "/var/lib/lifeboat";
  const base = environment.XDG_STATE_HOME;
  // the XDG specification: a relative path is to be ignored
  if (base?.startsWith("/")) return join(base, "lifeboat");
  return join(environment.HOME ?? homedir(), ".local/state/lifeboat");
}

/** Path of the folder for caches where no state folder was chosen: `$XDG_CACHE_HOME/lifeboat`, else in the home. Nothing is created. */
export function findCacheFolder(environment: Environment): string {
  const base = environment.XDG_CACHE_HOME;
  return join(base?.startsWith("/") ? base : join(environment.HOME ?? homedir(), ".cache"), "lifeboat");
}

/** Creates it for the owner alone where it is missing and gives its real path. Errors: `state-folder-failed`. */
export function ensureStateFolder(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(folder);
  } catch (error) {
    throw new LifeboatError("state-folder-failed", `state folder ${folder} cannot be used (${messageOf(error)})`, {
      cause: error,
    });
  }
}
