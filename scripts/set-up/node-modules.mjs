// node_modules as package-lock.json says, with Node 24 in it and ssh2's native part built for that Node.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { SetUpError } from "./set-up-error.mjs";

const sshCrypto = "node_modules/ssh2/lib/protocol/crypto/build/Release/sshcrypto.node";

/** Whether ssh2's native part has been built, so that no compiler is needed. */
export function isBuilt(root) {
  return existsSync(join(root, sshCrypto));
}

export function installNodeModules(root) {
  if (!isUpToDate(root)) {
    console.error("lifeboat: installing the npm packages of package-lock.json");
    // Not `npm ci`: it refuses a lock file without the optional packages that the registry behind it could not give,
    // such as other platforms' binaries. This installs the locked versions as well and leaves the lock file alone.
    if (npm(root, "npm", ["install", "--no-save"]) !== 0) throw new SetUpError("npm install failed; what it said is above");
  }
  linkNode24(root);
  const node24 = join(root, "node_modules", ".bin", "node");
  if (!isUpToDate(root) && existsSync(node24)) {
    // An npm that runs on a Node older than an optional package asks for leaves the package out; ours is new enough.
    console.error("lifeboat: installing the rest with Node 24");
    const status = npm(root, node24, [findNpmProgram(), "install", "--no-save"]);
    if (status !== 0) throw new SetUpError("npm install failed under Node 24");
    linkNode24(root);
  }
  const fault = findFault(root);
  if (fault === undefined) return;
  console.error(`lifeboat: ${fault}; building the native part of ssh2 with the compiler alone`);
  const output = compileSshCrypto(root);
  const remaining = findFault(root);
  if (remaining === undefined) return;
  throw new SetUpError(`${remaining}; it needs g++ (${output.trim().split("\n")[0] || "which said nothing"})`);
}

/** npm keeps what it has installed in a lock file of its own, written last; every package we need must be in it as ours says. */
function isUpToDate(root) {
  const wanted = readPackages(join(root, "package-lock.json"));
  const installed = readPackages(join(root, "node_modules", ".package-lock.json"));
  if (wanted === undefined) throw new SetUpError("package-lock.json is missing or damaged");
  if (installed === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes("node_modules/")) return true;
    if (installed[path] === undefined) return entry.optional === true && !isForThisMachine(entry);
    return installed[path].version === entry.version && installed[path].integrity === entry.integrity;
  });
}

/** Optional packages that name their machine are this project's binaries; those without are only wanted by other ones. */
function isForThisMachine({ os, cpu, libc }) {
  const names = (field, value) => [field].flat().includes(value);
  return names(os, "linux") && names(cpu, process.arch) && (libc === undefined || names(libc, "glibc"));
}

/** npm's own program, to be run by another Node than the one in its first line. */
function findNpmProgram() {
  const { npm_execpath: inherited } = process.env;
  if (inherited?.endsWith(".js")) return inherited;
  const folder = (process.env.PATH ?? "").split(delimiter).find((name) => existsSync(join(name, "npm")));
  if (folder === undefined) throw new SetUpError("npm is not in PATH");
  return realpathSync(join(folder, "npm"));
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** The npm of Debian 12 unpacks the package that carries Node 24, but makes no link for a program named like its own. */
function linkNode24(root) {
  const bin = join(root, "node_modules", ".bin");
  const name = `node-linux-${process.arch}`;
  if (existsSync(join(bin, "node")) || !existsSync(join(root, "node_modules", name, "bin", "node"))) return;
  mkdirSync(bin, { recursive: true });
  rmSync(join(bin, "node"), { force: true });
  symlinkSync(join("..", name, "bin", "node"), join(bin, "node"));
}

/** What is wrong with Node 24 or with ssh2's native part under it; undefined when all is well. */
function findFault(root) {
  const node = join(root, "node_modules", ".bin", "node");
  if (!existsSync(node)) return `Node 24 is not in node_modules/.bin (npm has no package of it for ${process.arch})`;
  const program = [
    "process.stdout.write(process.versions.node);",
    'require("ssh2/lib/protocol/crypto/build/Release/sshcrypto.node");',
  ].join("\n");
  const { stdout, stderr, status, signal } = spawnSync(node, ["-e", program], { cwd: root, encoding: "utf8" });
  if (!/^24\./.test(stdout ?? "")) return `node_modules/.bin/node is not Node 24 but ${stdout || "nothing that runs"}`;
  if (status !== 0) {
    return `Node 24 cannot load ssh2's sshcrypto.node (${/^\w*Error: .*/m.exec(stderr)?.[0] ?? signal ?? `exit code ${status}`})`;
  }
  if (diesOfGarbage(root, node)) return "Node 24 dies when it collects what ssh2's sshcrypto.node has made";
  return undefined;
}

/**
 * Node's own headers since 24.19 put a hook into every such object that ends the process when the object is collected while no
 * JavaScript runs (github.com/nodejs/node/issues/65446): a worker would live for minutes.
 */
function diesOfGarbage(root, node) {
  if (!readFileSync(join(root, sshCrypto), "latin1").includes("RemoveEnvironmentCleanupHook")) return false;
  const program = `
    const { AESGCMDecipher } = require("ssh2/lib/protocol/crypto/build/Release/sshcrypto.node");
    let left = 20;
    const timer = setInterval(() => {
      for (let count = 0; count < 2000; count++) new AESGCMDecipher("aes-256-gcm", Buffer.alloc(32), Buffer.alloc(12));
      if (--left === 0) clearInterval(timer);
    }, 1);`;
  return spawnSync(node, ["-e", program], { cwd: root }).status !== 0;
}

/**
 * Without node-gyp: Debian's own links every module with the libnode of Debian's Node, and such a module crashes Node 24.
 * The flags are those of ssh2's binding.gyp and of node-gyp. Returns what the compiler said.
 */
function compileSshCrypto(root) {
  const folder = join(root, "node_modules/ssh2/lib/protocol/crypto");
  const headers = join(root, "node_modules", `node-linux-${process.arch}`, "include/node");
  for (const name of ["Release", "include"]) mkdirSync(join(folder, "build", name), { recursive: true });
  // Found before Node's own: the same without the hook that `diesOfGarbage` speaks of.
  const objectWrap = readFileSync(join(headers, "node_object_wrap.h"), "utf8");
  const withoutHook = objectWrap.replace(/^ *(Add|Remove)CleanupHook\(\);$/gm, "");
  writeFileSync(join(folder, "build/include/node_object_wrap.h"), withoutHook);
  const defines = ["NODE_GYP_MODULE_NAME=sshcrypto", "BUILDING_NODE_EXTENSION", "USING_UV_SHARED=1", "USING_V8_SHARED=1"];
  defines.push("_FILE_OFFSET_BITS=64", "OPENSSL_API_COMPAT=0x10100000L", "REAL_OPENSSL_MAJOR=3");
  const args = ["-std=gnu++20", "-O3", "-fPIC", "-shared", "-fno-rtti", "-w", ...defines.map((define) => `-D${define}`)];
  args.push(
    "-Ibuild/include",
    `-I${headers}`,
    `-I${join(root, "node_modules/nan")}`,
    "src/binding.cc",
    "-o",
    "build/sshcrypto.new",
  );
  const { stderr, status, error } = spawnSync("g++", args, { cwd: folder, encoding: "utf8" });
  // In one step, so that a program which has loaded the old one goes on with it.
  if (status === 0) renameSync(join(folder, "build/sshcrypto.new"), join(root, sshCrypto));
  return error?.message ?? stderr;
}

function npm(root, program, args) {
  const bin = join(root, "node_modules", ".bin");
  // npm itself must not run on the Node that it is about to replace, so node_modules/.bin leaves the PATH.
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== bin);
  const env = {
    ...process.env,
    PATH: path.join(delimiter),
    // Headers of the Node that will load the module, not of the one that runs npm. Only this variable works, no .npmrc.
    npm_config_nodedir: join(root, "node_modules", `node-linux-${process.arch}`),
    // On an older Node npm warns of every package that asks for a newer one; they will run on Node 24.
    npm_config_loglevel: "error",
    npm_config_progress: "false",
  };
  const { status, error } = spawnSync(program, args, { cwd: root, env, stdio: ["ignore", 2, 2] });
  if (error) throw new SetUpError(`npm did not run: ${error.message}`);
  return status;
}
