import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runBackup } from "@lifeboat/jobs";
import { formatRunId } from "@lifeboat/model";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compareTrees } from "../fixtures/compare-trees.ts";
import { createRandomBytes } from "../fixtures/random-bytes.ts";
import {
  createTempFolder,
  findStockRestic,
  type SshHost,
  startSshHost,
  startTcpProxy,
  stockRestic,
  type TcpProxy,
  type TempFolder,
} from "../services/index.ts";
import { mountBrokenDisk } from "./mount-broken-disk.ts";
import { openFaultContext } from "./open-fault-context.ts";
import { pullUntilKilled } from "./pull-until-killed.ts";
import { type FaultRepository, initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";

const seed = Number(process.env.LIFEBOAT_TEST_SEED ?? Date.now() % 1_000_000_000);
const randomBytes = createRandomBytes(seed);
const mebibyte = 1024 * 1024;

let ssh: SshHost;
let proxy: TcpProxy;
let temp: TempFolder;
let place: FaultRepository;

beforeEach(async () => {
  ssh = await startSshHost();
  proxy = await startTcpProxy({ target: ssh });
  temp = await createTempFolder("read-error");
  place = { url: join(temp.path, "repo"), password: "a repository's password of a fault test" };
  await initFaultRepository(place);
}, 60_000);

afterEach(async () => {
  await proxy.stop();
  await ssh.stop();
  await temp.remove();
});

test("zeros that tar puts in the place of what a disk cannot read stand in no checkpoint and in no snapshot (needs root and loop devices)", async (context) => {
  const disk = await mountBrokenDisk(join(temp.path, "disk"), Buffer.from(randomBytes(8 * mebibyte)), 2 * mebibyte);
  if (typeof disk === "string") {
    context.skip(disk);
    return;
  }
  try {
    await expect(readFile(join(disk.folder, "bad"))).rejects.toMatchObject({ code: "EIO" });
    const healthy = join(temp.path, "healthy");
    await mkdir(healthy);
    for (let at = 0; at < 18; at++) await writeFile(join(healthy, `file-${at}`), randomBytes(4 * mebibyte));
    const known = join(temp.path, "known_hosts");
    await writeFile(known, (await readFile(ssh.knownHostsFile, "utf8")).replace(`:${ssh.port}`, `:${proxy.port}`));
    const paths = JSON.stringify([disk.folder, healthy]);
    const policies = `  all: { hosts: [web1], repository: main, sources: [{ name: tree, type: files, paths: ${paths} }] }\n`;
    const host = { ...ssh, port: proxy.port, knownHostsFile: known };
    const configFile = await writeFaultConfig({ folder: temp.path, repository: place, ssh: host, policies });
    const runId = (number: number) =>
      formatRunId({ kind: "backup", object: "web1/tree", slot: Date.UTC(2026, 0, 1) + number * 5000 });

    // The zeros have long come, and more than two checkpoints could have been written since; no verdict has.
    await pullUntilKilled({ configFile, repository: place, asset: "web1/tree", runId: runId(1) }, proxy, 70 * mebibyte);
    const checkpoints = await readdir(join(place.url, "lifeboat/v1/checkpoint")).catch(() => []);
    const again = { runId: runId(2), asset: "web1/tree", attempt: 1, policy: null, timezone: "UTC", repository: place };
    const { record, snapshot } = await runBackup(openFaultContext(configFile), again);
    console.log(`seed ${seed}: ${checkpoints.length} checkpoints, ${record.figures.bytes_resumed ?? 0} bytes of one kept`);
    expect(record, JSON.stringify(record)).toMatchObject({ result: "incomplete", problems: [{ kind: "unreadable" }] });
    expect(JSON.stringify(record.problems)).toMatch(/disk\/bad.*(shrank|Read error)/);
    const version = "missing" in (await findStockRestic("0.18")) ? "0.14" : "0.18";
    await using restic = await stockRestic(version, { repository: place.url, password: place.password });
    const target = join(temp.path, "restored");
    await restic.run(["restore", snapshot!.id, "--target", target]);
    expect(await compareTrees(healthy, join(target, healthy))).toEqual([]);
    expect(await readdir(join(target, disk.folder))).not.toContain("bad");
    await rm(target, { recursive: true });
  } finally {
    await disk.unmount();
  }
}, 180_000);
