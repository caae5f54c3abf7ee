// node_modules as package-lock.json says, with Node 24 in it and ssh2's native part built for that Node.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { SetUpError } from "./set-up-error.mjs";

/** Whether ssh2's native part has been built, so that no compiler is needed. */
export function isBuilt(root) {
  return existsSync(join(root, "node_modules/ssh2/lib/protocol/crypto/build/Release/sshcrypto.node"));
}

export function installNodeModules(root) {
  if (!isUpToDate(root)) {
    console.error("lifeboat: installing the npm packages of package-lock.json");
    // Not `npm ci`: it refuses a lock file without the optional packages that the registry behind it could not give,
    // such as other platforms' binaries. This installs the locked versions as well and leaves the lock file alone.
    if (npm(root, ["install", "--no-save"]) !== 0) throw new SetUpError("npm install failed; what it said is above");
  }
  let fault = findFault(root);
  if (fault !== undefined) {
    console.error(`lifeboat: ${fault}; building the native part of ssh2 again`);
    npm(root, ["rebuild", "ssh2"]);
    fault = findFault(root);
  }
  if (fault !== undefined) throw new SetUpError(`${fault}; needed for it: g++, make and python3, then npm rebuild ssh2`);
}

/** npm keeps what it has installed in a lock file of its own, written last; every package we need must be in it as ours says. */
function isUpToDate(root) {
  const wanted = readPackages(join(root, "package-lock.json"));
  const installed = readPackages(join(root, "node_modules", ".package-lock.json"));
  if (wanted === undefined) throw new SetUpError("package-lock.json is missing or damaged");
  if (installed === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes("node_modules/")) return true;
    // Packages for other machines are optional and absent.
    if (installed[path] === undefined) return entry.optional === true;
    return installed[path].version === entry.version && installed[path].integrity === entry.integrity;
  });
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** What is wrong with Node 24 or with ssh2's native part under it; undefined when all is well. */
function findFault(root) {
  const node = join(root, "node_modules", ".bin", "node");
  if (!existsSync(node)) return `Node 24 is not in node_modules/.bin (npm has no package of it for ${process.arch})`;
  const program = [
    "process.stdout.write(process.versions.node);",
    'require("ssh2/lib/protocol/crypto/build/Release/sshcrypto.node");',
  ].join("\n");
  const { stdout, stderr, status } = spawnSync(node, ["-e", program], { cwd: root, encoding: "utf8" });
  if (!/^24\./.test(stdout ?? "")) return `node_modules/.bin/node is not Node 24 but ${stdout || "nothing that runs"}`;
  if (status !== 0)
    return `Node 24 cannot load ssh2's sshcrypto.node (${/^\w*Error: .*/m.exec(stderr)?.[0] ?? `exit code ${status}`})`;
  return undefined;
}

function npm(root, args) {
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
  const { status, error } = spawnSync("npm", args, { cwd: root, env, stdio: ["ignore", 2, 2] });
  if (error) throw new SetUpError(`npm did not run: ${error.message}`);
  return status;
}
