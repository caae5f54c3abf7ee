import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Machine, silentLogger } from "@lifeboat/model";
import { connectHost } from "@lifeboat/remote";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type SshHost, startSshHost } from "../../../test/services/index.ts";
import { readDrill, runShopDrill, startTestShop, type TestShop, testClock } from "./test-shop/test-shop.ts";

// A machine under load is slow, not wrong.
vi.setConfig({ testTimeout: 300_000 });

let shop: TestShop;
let host: SshHost;
let machine: Machine;

beforeAll(async () => {
  [shop, host] = await Promise.all([startTestShop(), startSshHost()]);
  const entry = {
    name: "drill1",
    address: host.address,
    port: host.port,
    user: host.user,
    identity: host.identityFile,
    passphrase: undefined,
    jumps: undefined,
    sshConfig: false,
    password: undefined,
    knownHosts: host.knownHostsFile,
    hostKey: undefined,
    sudo: false,
    nice: false,
    maxBytesPerSecond: undefined,
    connections: 1,
    transfer: "auto",
    rangeHashesFromBytes: undefined,
    purpose: "scratch",
    tags: [],
    connectTimeoutSeconds: 10,
  } as const;
  const secrets = { resolve: () => Promise.reject(new Error("no secret is expected")) };
  const signal = new AbortController().signal;
  machine = await connectHost(entry, { secrets, logger: silentLogger, clock: testClock, signal });
  await mkdir(join(host.folder, "drills"));
});
afterAll(async () => {
  await machine.close();
  await host.stop();
  await shop.stop();
});

function sshDrill() {
  return readDrill(`
hosts:
  drill1: { address: ${host.address}, purpose: scratch }
drills:
  shop:
    targets:
      pg: { type: postgresql, host: drill1, server: { address: 127.0.0.1, port: ${shop.server.port}, user: postgres, password: { env: PG } }, database: "drill_{run}" }
      own: { type: postgresql, host: drill1 }
      lite: { type: sqlite, host: drill1, path: "${host.folder}/drills/ledger {run}'s.db" }
      dir: { type: directory, host: drill1, path: "${host.folder}/drills/it's {run}/deep \\"er\\"" }
    steps:
      - { id: db, restore: { asset: db1/shop, to: pg } }
      - { id: db2, restore: { asset: db1/shop, to: own } }
      - { id: ledger, restore: { asset: db1/ledger, to: lite } }
      - { id: uploads, restore: { asset: web1/uploads, to: dir } }
    checks:
      - { id: orders, after: db, type: row_count, table: orders }
      - { id: items, after: db2, type: row_count, table: items }
      - { id: entries, after: ledger, type: sql, query: "select sum(amount) from entries", expect: 12 }
      - { id: hashes, after: uploads, type: file_hash }
      - id: row-and-file
        after: db
        needs: [hashes]
        type: command
        host: drill1
        run: [sh, -c, 'test -f "$2/$(psql "$(cat "$1")" -X -A -t -c "select max(upload) from orders")"', sh, "{pg.url_file}", "{dir.path}"]
`);
}

it("a drill on a scratch host over SSH: the same steps, checks, controls and teardown, with names that a shell would trip over", async () => {
  const hosts: (string | undefined)[] = [];
  const { report } = await runShopDrill(shop, sshDrill(), {
    ports: {
      hostPurpose: () => "scratch",
      machine: async (name) => {
        hosts.push(name);
        return machine;
      },
    },
  });
  expect(report.causes).toEqual([]);
  expect(report.outcome).toBe("passed");
  expect(report.checks.map((check) => `${check.id} ${check.control.verdict}`)).toEqual([
    "orders proved",
    "items proved",
    "entries proved",
    "hashes proved",
    "row-and-file proved",
  ]);
  expect(new Set(hosts)).toEqual(new Set(["drill1"]));
  expect(report.teardown.every((thing) => thing.state === "removed" && thing.machine === "drill1")).toBe(true);
  expect(await readdir(join(host.folder, "drills"))).toEqual([]);
  expect(await readdir(shop.scratch)).toEqual([]);
  await rm(join(host.folder, "drills"), { recursive: true });
});
