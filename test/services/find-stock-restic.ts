import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./run-command.ts";

export type ResticVersion = "0.14" | "0.18";

/** Where the set-up unpacks the restic of a later Debian; scripts/set-up/later-restic.mjs says the same. */
function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "lifeboat");
}

/** The path of a stock restic of this version, or why there is none. */
export async function findStockRestic(version: ResticVersion): Promise<{ path: string } | { missing: string }> {
  const candidates = ["/usr/bin/restic"];
  const names = await readdir(cacheFolder()).catch(() => []);
  candidates.push(
    ...names.filter((name) => name.startsWith("restic-")).map((name) => join(cacheFolder(), name, "usr/bin/restic")),
  );
  for (const path of candidates) {
    if (!existsSync(path)) continue;
    const { stdout } = await runCommand(path, ["version"], { accept: "any" });
    if (stdout.startsWith(`restic ${version}.`)) return { path };
  }
  return {
    missing: `stock restic ${version} is not on this machine (looked at ${candidates.join(", ")}); the set-up fetches it from Debian`,
  };
}
