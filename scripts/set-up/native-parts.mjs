// The engine's native parts (packages/engine/native): a C file each, compiled by the machine's compiler for the Node of node_modules.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";

const folder = "packages/engine/native";
const headers = ["sha256-pair.h"];
const names = ["blob-codec", "acknowledge"];

/** Whether they are there and not older than their sources. */
export function areNativePartsBuilt(root) {
  return names.every((name) => isBuilt(root, name));
}

/** Lifeboat runs without them, at a third of the speed: what goes wrong is said and stops nothing. */
export function compileNativeParts(root) {
  if (areNativePartsBuilt(root)) return;
  console.error("lifeboat: compiling the engine's native parts");
  for (const name of names) if (!isBuilt(root, name)) compile(root, name);
}

function isBuilt(root, name) {
  const built = join(root, folder, productOf(name));
  if (!existsSync(built)) return false;
  const { mtimeMs } = statSync(built);
  return [`${name}.c`, ...headers].every(
    (file) => mtimeMs >= (statSync(join(root, folder, file), { throwIfNoEntry: false })?.mtimeMs ?? 0),
  );
}

function compile(root, name) {
  const at = join(root, folder);
  mkdirSync(join(at, "build"), { recursive: true });
  const nodeHeaders = join(root, "node_modules", `node-linux-${process.arch}`, "include/node");
  const flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-fvisibility=hidden", "-fstack-protector-strong"];
  const made = `build/${process.pid}.new`;
  const { stderr, status, error } = spawnSync("gcc", [...flags, `-I${nodeHeaders}`, `${name}.c`, "-o", made], {
    cwd: at,
    encoding: "utf8",
  });
  // In one step: a program that has loaded the old one goes on with it, and nobody loads half of one.
  if (status === 0) renameSync(join(at, made), join(at, productOf(name)));
  else console.error(`lifeboat: gcc could not compile ${folder}/${name}.c: ${(error?.message ?? stderr).trim().split("\n")[0]}`);
}

function productOf(name) {
  return `build/${name}.node`;
}
