import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createTempFolder,
  type FaultProxy,
  findStockRestic,
  listObjectKeys,
  objectStoreEnvironment,
  runCommand,
  type StockRestic,
  startFaultProxy,
  startObjectStore,
  startSshHost,
  startTcpProxy,
  stockRestic,
  type TcpProxy,
} from "../services/index.ts";
import { type ChangingTree, createChangingTree } from "./changing-tree.ts";
import { mountTmpfs, type SmallDisk } from "./mount-tmpfs.ts";
import type { FaultPlace } from "./plan-faults.ts";
import { runLifeboat } from "./run-lifeboat.ts";
import { createRepositoryPlace, type FaultRepository, initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

export interface PlaceUnderFault {
  readonly name: FaultPlace;
  /** How a request's path to it begins; undefined for the folder. */
  readonly requestPath: string | undefined;
  readonly folder: string | undefined;
  /** Looks at it past the proxy. */
  readonly restic: StockRestic;
  /** Names of the objects of a kind. */
  names(kind: "snapshots" | "locks"): Promise<string[]>;
}

/** A host behind a proxy that can be cut, an S3 server behind one that breaks requests, a small disk; a repository on each, and one more. */
export interface FaultScene extends AsyncDisposable {
  readonly folder: string;
  readonly configFile: string;
  readonly host: TcpProxy;
  readonly store: FaultProxy;
  readonly disk: SmallDisk | string;
  readonly places: Readonly<Record<FaultPlace, PlaceUnderFault>>;
  readonly tree: ChangingTree;
  /** The tree as the first snapshot of each place has it. */
  readonly frozen: string;
}

const password = "a repository's password of a fault test";

/** The first snapshot is of the asset web1/first, all others are of web1/tree and, on the small disk, web1/disk: the same folder. */
export async function openFaultScene(seed: number, diskMebibytes: number): Promise<FaultScene> {
  const stack = new AsyncDisposableStack();
  try {
    const temp = stack.use(await createTempFolder("faults"));
    const direct = await startObjectStore();
    const store = stack.use(await startFaultProxy(direct.endpoint));
    const ssh = stack.use(await startSshHost());
    const host = stack.use(await startTcpProxy({ target: ssh }));
    await mkdir(join(temp.path, "disk"));
    const disk = await mountTmpfs(join(temp.path, "disk"), diskMebibytes);
    if (typeof disk === "object") stack.defer(() => disk.unmount());
    const tree = await createChangingTree(temp.path, seed);

    const version = "missing" in (await findStockRestic("0.18")) ? "0.14" : "0.18";
    const proxied = { ...direct, endpoint: store.endpoint };
    const openOnStore = async (name: "main" | "second"): Promise<[FaultRepository, PlaceUnderFault]> => {
      const { bucket, credentials } = await createRepositoryPlace(direct);
      const repository = { url: `s3:${proxied.endpoint}/${bucket}/repo`, password, credentials };
      const url = `s3:${direct.endpoint}/${bucket}/repo`;
      const restic = stack.use(await stockRestic(version, { repository: url, password, env: objectStoreEnvironment(direct) }));
      const names = async (kind: string) =>
        (await listObjectKeys(direct, bucket, `repo/${kind}/`)).map((key) => key.split("/").at(-1)!);
      return [repository, { name, requestPath: `/${bucket}`, folder: undefined, restic, names }];
    };
    const [main, mainPlace] = await openOnStore("main");
    const [second, secondPlace] = await openOnStore("second");
    const folder = join(temp.path, "disk/repo");
    const onDisk = { url: folder, password };
    const diskPlace: PlaceUnderFault = {
      name: "disk",
      requestPath: undefined,
      folder,
      restic: stack.use(await stockRestic(version, { repository: folder, password })),
      names: async (kind) => (await readdir(join(folder, kind))).filter((name) => !name.includes("-tmp-")),
    };

    const source = (name: string) => `{ name: ${name}, type: files, paths: [${JSON.stringify(tree.folder)}] }`;
    const policy = (name: string, repository: string, sources: string) =>
      `  ${name}: { hosts: [web1], repository: ${repository}, schedule: { every: 1h }, sources: [${sources}] }\n`;
    const configFile = await writeFaultConfig({
      folder: temp.path,
      repository: main,
      others: { second, disk: onDisk },
      ssh: { ...ssh, port: host.port, knownHostsFile: await knowHostAt(ssh.knownHostsFile, ssh.port, host.port) },
      policies:
        policy("trees", "main", `${source("first")}, ${source("tree")}`) +
        policy("disks", "disk", `${source("start")}, ${source("disk")}`),
    });
    for (const repository of [main, second, onDisk]) await initFaultRepository(repository);

    const places = { main: mainPlace, second: secondPlace, disk: diskPlace };
    const scene = { folder: temp.path, configFile, host, store, disk, places, tree, frozen: join(temp.path, "frozen") };
    await runCommand("cp", ["-a", tree.folder, scene.frozen]);
    for (const args of [
      ["backup", "run", "web1/first", "web1/start", "--here"],
      ["copy", "--repo", "main", "--to-repo", "second"],
    ]) {
      const { exitCode, stderr } = await runLifeboat(temp.path, ["--config", configFile, ...args]);
      if (exitCode !== 0) throw new Error(`${args.join(" ")} ended with ${exitCode}: ${stderr}`);
    }
    const owned = stack.move();
    return { ...scene, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function knowHostAt(knownHostsFile: string, port: number, proxyPort: number): Promise<string> {
  const path = `${knownHostsFile}-proxy`;
  await writeFile(path, (await readFile(knownHostsFile, "utf8")).replace(`:${port}`, `:${proxyPort}`));
  return path;
}
