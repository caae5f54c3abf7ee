// Debian packages: as root they are installed without a question and without a daemon left behind;
// otherwise one line says what to install.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SetUpError } from "./set-up-error.mjs";

/** Package -> files that prove it is there, one of them enough. A look at files is quicker than dpkg and works where something else put them. */
const groups = {
  // To build the native parts of ssh2 and of the engine.
  build: { "g++": ["g++"], make: ["make"], python3: ["python3"] },
  hosts: {
    "openssh-server": ["sshd"],
    "openssh-client": ["ssh-keygen"],
    rsync: ["rsync"],
    acl: ["setfacl"],
    attr: ["setfattr"],
    "libcap2-bin": ["setcap"],
    sqlite3: ["sqlite3"],
    postgresql: ["/usr/lib/postgresql/*/bin/initdb"],
  },
  queue: { "redis-server": ["redis-server"] },
  restic: { restic: ["restic"] },
  s3: {
    radosgw: ["radosgw"],
    "ceph-mon": ["ceph-mon"],
    "ceph-osd": ["ceph-osd"],
    "ceph-mgr": ["ceph-mgr"],
    "ceph-common": ["ceph"],
  },
  // What the bench compares with.
  peers: { sshfs: ["sshfs"], rclone: ["rclone"] },
  browser: { chromium: ["chromium"] },
};

const programFolders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const policyFile = "/usr/sbin/policy-rc.d";
const policyText = "#!/bin/sh\n# Lifeboat's set-up: no daemon starts during this one install.\nexit 101\n";
const clusterFile = "/etc/postgresql-common/createcluster.conf";

/** `needs`: names of groups. */
export function installDebianPackages(needs) {
  const wanted = new Set(needs);
  if (process.env.LIFEBOAT_TEST_S3_ENDPOINT) wanted.delete("s3");
  const missing = findMissing([...wanted]);
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  if (!isProgram("apt-get")) throw new SetUpError(`missing on this machine, which has no apt-get: ${missing.join(" ")}`);
  if (process.getuid() !== 0) throw new SetUpError(`missing Debian packages, install them first: sudo ${command}`);

  console.error(`lifeboat: installing ${missing.join(" ")}`);
  const startedAtBoot = listUnitsStartedAtBoot();
  withoutDaemons(() => {
    // No main cluster for PostgreSQL: every test makes its own.
    if (missing.includes("postgresql") && !existsSync(clusterFile)) {
      mkdirSync("/etc/postgresql-common", { recursive: true });
      writeFileSync(
        clusterFile,
        "# Written by Lifeboat's set-up before the package was installed.\ncreate_main_cluster = false\n",
      );
    }
    // Lists that fail to refresh may still do; what counts is the install.
    apt(["update", "-qq"]);
    const status = apt([
      ...command.split(" ").slice(1),
      "-qq",
      "-o",
      "Dpkg::Use-Pty=0",
      "-o",
      "Dpkg::Options::=--force-confold",
      "-o",
      "Dpkg::Options::=--force-confdef",
    ]);
    if (status !== 0) throw new SetUpError(`apt-get could not install them; try: ${command}`);
  });
  // What came with the packages must not start at the next boot either; Lifeboat starts what it needs by itself.
  for (const unit of listUnitsStartedAtBoot()) if (!startedAtBoot.has(unit)) keepFromBoot(unit);
  const stillMissing = findMissing([...wanted]);
  if (stillMissing.length > 0)
    throw new SetUpError(`apt-get was content, but these are still missing: ${stillMissing.join(" ")}`);
}

function findMissing(names) {
  const missing = [];
  for (const group of names) {
    const packages = groups[group];
    if (packages === undefined)
      throw new SetUpError(`no group of packages is named ${group}; there are ${Object.keys(groups).join(", ")}`);
    for (const [name, proofs] of Object.entries(packages)) if (!proofs.some(isProgram)) missing.push(name);
  }
  return missing;
}

/** A program by its name, or a path that may hold one `*`. */
function isProgram(proof) {
  if (!proof.startsWith("/")) return programFolders.some((folder) => existsSync(join(folder, proof)));
  const [before, after] = proof.split("*");
  if (!existsSync(before)) return false;
  return after === undefined || readdirSync(before).some((name) => existsSync(before + name + after));
}

/** Debian's own switch: package scripts ask policy-rc.d before they start a service. One that is there already is respected. */
function withoutDaemons(work) {
  const isOurs = !existsSync(policyFile) || readFileSync(policyFile, "utf8") === policyText;
  if (isOurs) writeFileSync(policyFile, policyText, { mode: 0o755 });
  try {
    work();
  } finally {
    if (isOurs) rmSync(policyFile, { force: true });
  }
}

/** Names of the systemd units that are wanted by some target. */
function listUnitsStartedAtBoot() {
  const folder = "/etc/systemd/system";
  if (!existsSync(folder)) return new Set();
  const targets = readdirSync(folder).filter((name) => name.endsWith(".wants"));
  return new Set(targets.flatMap((target) => readdirSync(join(folder, target))));
}

function keepFromBoot(unit) {
  if (isProgram("systemctl")) spawnSync("systemctl", ["disable", "--quiet", unit], { stdio: "ignore", timeout: 30_000 });
}

function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", UCF_FORCE_CONFFOLD: "1", NEEDRESTART_SUSPEND: "1" };
  // What apt says goes to stderr: stdout belongs to the command that was asked for.
  const { status, error } = spawnSync("apt-get", ["-o", "DPkg::Lock::Timeout=600", ...args], { env, stdio: ["ignore", 2, 2] });
  if (error) throw new SetUpError(`apt-get did not run: ${error.message}`);
  return status;
}
