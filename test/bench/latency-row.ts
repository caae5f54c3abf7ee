import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createBucket, type ObjectStore, runCommand, startCeph } from "../services/index.ts";
import { type BenchStage, knownAtPort, makeManyFiles, readyLifeboat, storeEnvironment } from "./bench-stage.ts";
import { measureCommand } from "./measure-command.ts";
import type { SingleRow } from "./single-row.ts";
import { startSlowLine } from "./slow-line.ts";

interface PeerTimes {
  readonly few: number;
  readonly many: number;
}

/**
 * Many small files over a long line. Lifeboat does all of them; the peers do a tenth of `peerFiles` and then `peerFiles`, and what a file
 * more costs is multiplied: their fixed costs count once, as they should.
 */
export async function measureLatency(stage: BenchStage, files: number, peerFiles: number): Promise<SingleRow> {
  const few = Math.ceil(peerFiles / 10);
  const folders = { all: join(stage.folder, "latency"), few: join(stage.folder, "few"), many: join(stage.folder, "many") };
  makeManyFiles(folders.all, files, 4096);
  makeManyFiles(folders.few, few, 4096);
  makeManyFiles(folders.many, peerFiles, 4096);
  await using store = await startCeph();
  const line = await startSlowLine(stage.ssh.port);
  try {
    const { run } = await readyLifeboat(stage, { name: "latency", store, sources: { many: folders.all }, port: line.port });
    const own = await run("backup", "run", "web1/many", "--here");
    process.stdout.write(`Lifeboat: ${files} files in ${own.wallSeconds.toFixed(1)} s\n`);
    const estimate = (times: PeerTimes | undefined) =>
      times && times.few + ((times.many - times.few) / (peerFiles - few)) * (files - few);
    const sshfs = estimate(await trySshfs(stage, store, line.port, folders));
    const rclone = estimate(await tryRclone(stage, store, line.port, folders));
    const against = (name: string, seconds: number | undefined) =>
      seconds === undefined
        ? `${name}: not here`
        : `${name} ~${seconds.toFixed(0)} s: ~${(seconds / own.wallSeconds).toFixed(0)}x`;
    return {
      name: "latency",
      work: `${files} files of 4 KiB at 50 ms round trip`,
      measured: `${own.wallSeconds.toFixed(1)} s; ${against("sshfs + restic", sshfs)}; ${against("rclone sftp -> S3", rclone)}`,
      goal: ">= 10x and >= 20x",
      figures: {
        ...{ wall_s: own.wallSeconds, cpu_s: own.cpuSeconds, peak_mib: own.peakMebibytes },
        ...{ sshfs_restic_estimated_s: sshfs ?? null, rclone_estimated_s: rclone ?? null, peer_files: peerFiles },
      },
    };
  } finally {
    await line.stop();
  }
}

type Folders = Readonly<Record<"few" | "many", string>>;

async function trySshfs(stage: BenchStage, store: ObjectStore, port: number, folders: Folders): Promise<PeerTimes | undefined> {
  const { ssh, folder, restic } = stage;
  if (!existsSync("/usr/bin/sshfs") || !existsSync("/dev/fuse") || restic === undefined) return undefined;
  const mount = join(folder, "sshfs");
  mkdirSync(mount);
  const options = [
    ...[`IdentityFile=${ssh.identityFile}`, `UserKnownHostsFile=${knownAtPort(stage, port)}`],
    ...["StrictHostKeyChecking=yes", "BatchMode=yes"],
  ];
  const words = options.flatMap((option) => ["-o", option]);
  await runCommand("sshfs", ["-p", String(port), ...words, `${ssh.user}@${ssh.address}:/`, mount]);
  try {
    const env = {
      ...storeEnvironment(stage, store),
      RESTIC_REPOSITORY: `s3:${store.endpoint}/${await createBucket(store)}/restic`,
      RESTIC_PASSWORD_FILE: stage.passwordFile,
      RESTIC_CACHE_DIR: join(folder, "cache-sshfs"),
    };
    await measureCommand([restic, "init", "--quiet"], env);
    const time = async (path: string) =>
      (await measureCommand([restic, "backup", "--quiet", join(mount, path)], env)).wallSeconds;
    const times = { few: await time(folders.few), many: await time(folders.many) };
    process.stdout.write(`sshfs + restic: ${JSON.stringify(times)}\n`);
    return times;
  } finally {
    await runCommand("fusermount3", ["-u", mount]);
  }
}

async function tryRclone(stage: BenchStage, store: ObjectStore, port: number, folders: Folders): Promise<PeerTimes | undefined> {
  if (!existsSync("/usr/bin/rclone")) return undefined;
  const { ssh, folder } = stage;
  const config = join(folder, "rclone.conf");
  const section = (name: string, values: Readonly<Record<string, string | number>>) =>
    [`[${name}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${value}`), ""].join("\n");
  const host = {
    host: ssh.address,
    port,
    user: ssh.user,
    key_file: ssh.identityFile,
    known_hosts_file: knownAtPort(stage, port),
  };
  const keys = { access_key_id: store.accessKeyId, secret_access_key: store.secretAccessKey };
  writeFileSync(
    config,
    section("web1", { type: "sftp", ...host }) +
      section("store", { type: "s3", provider: "Ceph", endpoint: store.endpoint, force_path_style: "true", ...keys }),
    { mode: 0o600 },
  );
  const time = async (path: string) => {
    const target = `store:${await createBucket(store)}`;
    const words = ["rclone", "--config", config, "copy", `web1:${path}`, target, "--s3-no-check-bucket"];
    return (await measureCommand(words, storeEnvironment(stage, store))).wallSeconds;
  };
  const times = { few: await time(folders.few), many: await time(folders.many) };
  process.stdout.write(`rclone: ${JSON.stringify(times)}\n`);
  return times;
}
