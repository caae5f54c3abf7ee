// The engine's native part (packages/engine/native): one C file, compiled by the machine's compiler for the Node of node_modules.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";

const folder = "packages/engine/native";
const source = "blob-codec.c";
const product = "build/blob-codec.node";

/** Whether it is there and not older than its source. */
export function isBlobCodecBuilt(root) {
  const built = join(root, folder, product);
  return existsSync(built) && statSync(built).mtimeMs >= statSync(join(root, folder, source)).mtimeMs;
}

/** Lifeboat runs without it, at a third of the speed: what goes wrong is said and stops nothing. */
export function compileBlobCodec(root) {
  if (isBlobCodecBuilt(root)) return;
  console.error("lifeboat: compiling the engine's native part");
  const at = join(root, folder);
  mkdirSync(join(at, "build"), { recursive: true });
  const headers = join(root, "node_modules", `node-linux-${process.arch}`, "include/node");
  const flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-fvisibility=hidden", "-fstack-protector-strong"];
  const args = [...flags, `-I${headers}`, source, "-o", `build/${process.pid}.new`];
  const { stderr, status, error } = spawnSync("gcc", args, { cwd: at, encoding: "utf8" });
  // In one step: a program that has loaded the old one goes on with it, and nobody loads half of one.
  if (status === 0) renameSync(join(at, `build/${process.pid}.new`), join(at, product));
  else console.error(`lifeboat: gcc could not compile ${folder}/${source}: ${(error?.message ?? stderr).trim().split("\n")[0]}`);
}
