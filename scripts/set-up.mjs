// Everything a fresh Debian machine needs for Lifeboat's commands; what is there already is left alone.
// May also be run by itself: `node scripts/set-up.mjs [GROUP...]`.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installDebianPackages } from "./set-up/debian-packages.mjs";
import { fetchLaterRestic } from "./set-up/later-restic.mjs";
import { areNativePartsBuilt, compileNativeParts } from "./set-up/native-parts.mjs";
import { installNodeModules, isBuilt } from "./set-up/node-modules.mjs";
import { SetUpError } from "./set-up/set-up-error.mjs";

export { SetUpError };

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** `needs`: groups of Debian packages; `restic` also fetches the restic of a later Debian. Throws SetUpError. */
export function setUp(needs) {
  if (process.platform !== "linux") throw new SetUpError(`this needs Linux, and here is ${process.platform}`);
  installDebianPackages(isBuilt(root) && areNativePartsBuilt(root) ? needs : ["build", ...needs]);
  installNodeModules(root);
  compileNativeParts(root);
  if (needs.includes("restic")) fetchLaterRestic();
}

/**
 * The environment in which `node` is Node 24 and the tools of node_modules are found by name. Programs keep their compiled code beside
 * the packages: a test run starts hundreds of them, and each one compiles for a third of a second otherwise.
 */
export function environmentWithNode24(folder) {
  const modules = join(folder, "node_modules");
  return {
    ...process.env,
    PATH: `${join(modules, ".bin")}:${process.env.PATH}`,
    TURBO_TELEMETRY_DISABLED: "1",
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(modules, ".cache/lifeboat/compiled"),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    setUp(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    console.error(`lifeboat: ${error.message}`);
    process.exitCode = 1;
  }
}
