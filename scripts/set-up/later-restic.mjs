// The restic of Debian 13 beside the machine's own: a static binary, fetched with apt-get from the machine's own mirror
// into the user's cache folder, with sources, lists and archives of its own. Nothing of the machine's apt is changed.
// Where it cannot be had, one line says why, and the tests that need it are skipped by name.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const suite = "trixie";
const version = "0.18.0";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** `$XDG_CACHE_HOME/lifeboat/restic-0.18.0/usr/bin/restic`; test/services/find-stock-restic.ts looks there. */
export function fetchLaterRestic() {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "lifeboat");
  const target = join(cache, `restic-${version}`);
  if (isRestic(join(target, "usr/bin/restic")) || isRestic("/usr/bin/restic")) return;
  const failedBefore = join(cache, `restic-${version}.failed`);
  // Offline machines should not pay for the attempt at every run.
  if (existsSync(failedBefore) && Date.now() - statSync(failedBefore).mtimeMs < 86_400_000) return;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "fetch-"));
  try {
    fetchInto(work);
    rmSync(target, { recursive: true, force: true });
    renameSync(join(work, "unpacked"), target);
    rmSync(failedBefore, { force: true });
  } catch (error) {
    writeFileSync(failedBefore, `${error.message}\n`);
    console.error(`lifeboat: no restic ${version}, tests that need it are skipped (${error.message})`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function fetchInto(work) {
  if (!existsSync(keyring)) throw new Error(`${keyring} is missing`);
  const sources = join(work, "debian.list");
  writeFileSync(sources, `deb [signed-by=${keyring}] ${findMirror()} ${suite} main\n`);
  for (const folder of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(work, folder), { recursive: true });
  const options = {
    "Dir::Etc::sourcelist": sources,
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Dir::State::lists": join(work, "lists"),
    "Dir::Cache": join(work, "cache"),
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
    "Acquire::http::Timeout": "30",
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  run("apt-get", [...flags, "-q", "update"], work);
  run("apt-get", [...flags, "-q", "download", "restic"], work);
  const file = readdirSync(work).find((name) => /^restic_.*\.deb$/.test(name));
  if (file === undefined) throw new Error("apt-get downloaded no restic");
  run("dpkg", ["-x", join(work, file), join(work, "unpacked")], work);
  if (!isRestic(join(work, "unpacked/usr/bin/restic"))) throw new Error(`${file} is not restic ${version}`);
}

/** The address from which this machine gets Debian itself, out of either form of apt's sources. */
function findMirror() {
  const folder = "/etc/apt/sources.list.d";
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const files = [
    "/etc/apt/sources.list",
    ...names.filter((name) => /\.(list|sources)$/.test(name)).map((name) => join(folder, name)),
  ];
  for (const file of files.filter((name) => existsSync(name))) {
    for (const line of readFileSync(file, "utf8").split("\n")) {
      const uri = /^\s*(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s*)?)(\S+)/.exec(line)?.[1];
      // The archive itself lies under /debian; security updates and other vendors lie elsewhere.
      if (uri !== undefined && /\/debian\/?$/.test(uri)) return uri;
    }
  }
  throw new Error("apt's sources name no Debian mirror");
}

function isRestic(path) {
  return existsSync(path) && spawnSync(path, ["version"], { encoding: "utf8" }).stdout?.startsWith(`restic ${version} `) === true;
}

function run(command, args, cwd) {
  const { status, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    timeout: 300_000,
    env: { ...process.env, LC_ALL: "C" },
  });
  if (error) throw new Error(`${command}: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.trim().split("\n").at(-1)}`);
}
