import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canConnect } from "./can-connect.ts";
import { findFreePort } from "./free-port.ts";
import type { ObjectStore } from "./object-store.ts";
import { runCommand } from "./run-command.ts";
import { type RunningServer, startServer } from "./start-server.ts";
import { createTempFolder } from "./temp-folder.ts";

export interface RunningObjectStore extends ObjectStore, AsyncDisposable {
  stop(): Promise<void>;
}

/**
 * Ceph's RADOS Gateway with one monitor and one object storage daemon that keeps its data in memory:
 * a production object store, ready in about 13 s, about 410 MB of memory.
 */
export async function startCeph(): Promise<RunningObjectStore> {
  // The storage daemon sometimes ends by itself while it joins the cluster ("wrong fsid"), on a busy machine three times in a row; a new
  // cluster then works, and it costs 3 s to know.
  for (let attempt = 1; ; attempt++) {
    try {
      return await startCluster();
    } catch (error) {
      if (attempt === 6) throw error;
      process.stderr.write(`object store: start ${attempt} failed, trying again: ${(error as Error).message}\n`);
    }
  }
}

async function startCluster(): Promise<RunningObjectStore> {
  const temp = await createTempFolder("s3");
  const servers: RunningServer[] = [];
  const stop = async () => {
    for (const server of servers.toReversed()) await server.kill(); // nothing in it is worth a polite end
    await temp.remove();
  };
  try {
    const monitorPort = await findFreePort();
    const gatewayPort = await findFreePort();
    const store: ObjectStore = {
      endpoint: `http://127.0.0.1:${gatewayPort}`,
      region: "us-east-1",
      accessKeyId: randomBytes(10).toString("hex").toUpperCase(),
      secretAccessKey: randomBytes(20).toString("hex"),
    };
    const conf = join(temp.path, "ceph.conf");
    const clusterId = randomUUID();
    await writeFile(conf, describeCluster(temp.path, clusterId, monitorPort, gatewayPort));
    for (const folder of ["mon", "osd", "run"]) await mkdir(join(temp.path, folder));
    const run = (command: string, ...args: string[]) => runCommand(command, ["-c", conf, ...args], { timeoutMs: 90_000 });

    const monitorMap = join(temp.path, "monmap");
    await runCommand("monmaptool", ["--create", "--fsid", clusterId, "--addv", "a", `[v1:127.0.0.1:${monitorPort}]`, monitorMap]);
    await run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitorMap);
    servers.push(
      await startServer({ command: "ceph-mon", args: ["-c", conf, "-f", "-i", "a"], isReady: () => canConnect(monitorPort) }),
    );
    // The daemon never comes up unless both commands are given the same id.
    const storageId = randomUUID();
    await run("ceph", "osd", "new", storageId);
    await run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", storageId);
    servers.push(
      await startServer({
        command: "ceph-osd",
        args: ["-c", conf, "-f", "-i", "0"],
        isReady: async () => /"num_up_osds":1\b/.test((await run("ceph", "osd", "stat", "-f", "json")).stdout),
      }),
    );
    servers.push(
      await startServer({
        command: "radosgw",
        args: ["-c", conf, "-f", "-n", "client.gateway"],
        isReady: () => canConnect(gatewayPort),
      }),
    );
    await run(
      "radosgw-admin",
      "user",
      "create",
      "--uid=lifeboat",
      "--display-name=Lifeboat tests",
      "--max-buckets=0",
      `--access-key=${store.accessKeyId}`,
      `--secret-key=${store.secretAccessKey}`, // a throwaway key of a throwaway server: the tool has no other way
    );
    return { ...store, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    const log = await readFile(join(temp.path, "osd.0.log"), "utf8").catch(() => "");
    await stop();
    throw new Error(`${(error as Error).message}\n${log.slice(-3000)}`);
  }
}

function describeCluster(folder: string, clusterId: string, monitorPort: number, gatewayPort: number): string {
  const settings: Record<string, string> = {
    fsid: clusterId,
    "mon host": `v1:127.0.0.1:${monitorPort}`,
    "public addr": "127.0.0.1",
    "ms bind msgr2": "false",
    "auth cluster required": "none",
    "auth service required": "none",
    "auth client required": "none",
    "mon data": join(folder, "mon"),
    "osd data": join(folder, "osd"),
    "run dir": join(folder, "run"),
    "admin socket": join(folder, "run", "$name.$pid.asok"),
    "crash dir": join(folder, "run"),
    "log file": join(folder, "$name.log"),
    "mon cluster log file": join(folder, "cluster.log"),
    keyring: "/dev/null",
    "mon allow pool size one": "true",
    "osd pool default size": "1",
    "osd pool default min size": "1",
    "osd pool default pg num": "8",
    "osd pool default pgp num": "8",
    "osd pool default pg autoscale mode": "off",
    "osd crush chooseleaf type": "0",
    "osd objectstore": "memstore",
    "memstore device bytes": `${8 * 2 ** 30}`,
    "mon data avail warn": "1",
    "mon data avail crit": "1",
    "mon osd full ratio": "0.99",
    "rgw frontends": `beast endpoint=127.0.0.1:${gatewayPort}`,
    "rgw data": folder,
    "rgw enable usage log": "false",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `[global]\n${lines.join("\n")}\n`;
}
