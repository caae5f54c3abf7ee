import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { LifeboatError } from "@lifeboat/model";
import type { Environment } from "../environment/environment.ts";
import { rememberNamedConfig, rememberStumbledConfig } from "./guard-config-file.ts";

export interface ConfigChoice {
  /** `--config`. */
  readonly flag?: string | undefined;
  readonly environment: Environment;
  /** Default: the working folder. */
  readonly folder?: string;
  /** Default: /etc/lifeboat/lifeboat.yaml. */
  readonly systemFile?: string;
}

/**
 * Absolute path of the one configuration file: `--config` > LIFEBOAT_CONFIG > ./lifeboat.yaml > /etc/lifeboat/lifeboat.yaml.
 * A named file that is missing is an error, never a reason to look further. Reading ./lifeboat.yaml that nobody named asks whose
 * it is (guard-config-file.ts). undefined: none is named and none found.
 */
export function findConfig({ flag, environment, folder = process.cwd(), systemFile }: ConfigChoice): string | undefined {
  const fromEnvironment = environment.LIFEBOAT_CONFIG === "" ? undefined : environment.LIFEBOAT_CONFIG;
  const named = flag ?? fromEnvironment;
  if (named !== undefined) {
    const path = resolve(folder, named);
    if (!existsSync(path)) {
      throw new LifeboatError(
        "config-missing",
        `configuration ${path} (from ${flag === undefined ? "LIFEBOAT_CONFIG" : "--config"}) does not exist`,
      );
    }
    rememberNamedConfig(path);
    return path;
  }
  const here = resolve(folder, "lifeboat.yaml");
  if (existsSync(here)) {
    rememberStumbledConfig(here);
    return here;
  }
  return [systemFile ?? "/etc/lifeboat/lifeboat.yaml"].find((path) => existsSync(path));
}
