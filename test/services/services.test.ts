import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as services from "./index.ts";

const { createBucket, createTempFolder, runCommand, startPostgres, startRedis, startSshHost, startTcpProxy } = services;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function sshArgs(host: services.SshHost, ...command: string[]): string[] {
  const options = [
    "IdentitiesOnly=yes",
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${host.knownHostsFile}`,
  ];
  return ["-F", "none", ...options.flatMap((option) => ["-o", option])].concat(
    ["-i", host.identityFile, "-p", `${host.port}`, `${host.user}@${host.address}`],
    command,
  );
}

describe("the SSH host", () => {
  test("lets the right key in under its own host key, and leaves no process and no folder behind", async () => {
    const host = await startSshHost();
    const { stdout } = await runCommand("ssh", sshArgs(host, "echo hello"));
    expect(stdout).toBe("hello\n");
    await host.stop();
    expect(isAlive(host.pid)).toBe(false);
    await expect(stat(host.folder)).rejects.toThrow("ENOENT");
  });

  test("is recognised as another one when a new host takes its port", async () => {
    const first = await startSshHost();
    const knownHosts = await readFile(first.knownHostsFile);
    await first.stop();
    await using second = await startSshHost({ port: first.port });
    expect((await readFile(second.knownHostsFile)).equals(knownHosts)).toBe(false);
  });

  test("breaks open sessions when it is killed", async () => {
    await using host = await startSshHost();
    const sign = join(host.folder, "started");
    const session = runCommand("ssh", sshArgs(host, `touch ${sign}; exec sleep 600`), { accept: "any" });
    while (!existsSync(sign)) await new Promise((resolve) => setTimeout(resolve, 20));
    await host.kill();
    expect((await session).exitCode).toBe(255);
  });
});

test("Redis keeps an append-only file and answers on its port", async () => {
  await using redis = await startRedis();
  const { stdout } = await runCommand("redis-cli", ["-u", redis.url, "config", "get", "maxmemory-policy"]);
  expect(stdout).toContain("noeviction");
  expect((await stat(join(redis.dataFolder, "appendonlydir"))).isDirectory()).toBe(true);
});

test("PostgreSQL takes SQL over the socket and asks for the password over TCP", async () => {
  await using server = await startPostgres({ password: "p:a\\ss" });
  await server.createDatabase("shop");
  await server.sql("create table item(id int); insert into item select generate_series(1, 7)", "shop");
  expect(await server.sql("select count(*) from item", "shop")).toBe("7");
  const args = ["-w", "-h", server.address, "-p", `${server.port}`, "-U", server.user, "-At", "-c", "select 1"];
  const right = await runCommand("psql", args, { env: { PGPASSFILE: server.passwordFile } });
  expect(right.stdout).toBe("1\n");
  const wrong = await runCommand("psql", args, { env: { PGPASSWORD: "wrong" }, accept: "any" });
  expect(wrong.exitCode).not.toBe(0);
  expect(wrong.stderr).toContain("password authentication failed");
});

test("the object store keeps what is put and refuses a wrong signature", async () => {
  const store = await services.startObjectStore();
  const bucket = await createBucket(store);
  const body = Buffer.from("sealed");
  expect((await services.requestObjectStore(store, "PUT", `/${bucket}/a b/ü&1`, { body })).status).toBe(200);
  const got = await services.requestObjectStore(store, "GET", `/${bucket}/a b/ü&1`);
  expect(await got.text()).toBe("sealed");
  expect(await services.listObjectKeys(store, bucket)).toEqual(["a b/ü&1"]);
  const forged = { ...store, secretAccessKey: "0".repeat(40) };
  expect((await services.requestObjectStore(forged, "GET", `/${bucket}/a b/ü&1`)).status).toBe(403);
}, 120_000);

describe("the TCP proxy", () => {
  function ask(port: number, text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(text));
      socket.once("error", reject);
      socket.once("data", (data) => {
        socket.destroy();
        resolve(data.toString("latin1"));
      });
      socket.once("close", () => reject(new Error("closed")));
    });
  }

  test("counts bytes, delays both directions and cuts", async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy({ target: redis, delayMs: 40 });
    const startMs = performance.now();
    expect(await ask(proxy.port, "PING\r\n")).toBe("+PONG\r\n");
    expect(performance.now() - startMs).toBeGreaterThan(75);
    expect([proxy.bytesToTarget(), proxy.bytesFromTarget()]).toEqual([6, 7]);
    proxy.refuseConnections(true);
    await expect(ask(proxy.port, "PING\r\n")).rejects.toThrow();
  });

  test("passes a large stream unharmed", async () => {
    await using host = await startSshHost();
    await using proxy = await startTcpProxy({ target: host, delayMs: 5 });
    const command = ["-o", `HostKeyAlias=[127.0.0.1]:${host.port}`, "seq 1 2000000"];
    const args = sshArgs({ ...host, port: proxy.port });
    const { stdout } = await runCommand("ssh", [...command.slice(0, 2), ...args, command[2]!]);
    const lines = stdout.split("\n");
    expect(lines.length).toBe(2_000_001);
    expect(lines.slice(0, -1).every((line, index) => Number(line) === index + 1)).toBe(true);
    expect(proxy.bytesFromTarget()).toBeGreaterThan(stdout.length);
  });

  test("lets the sender feel a slow reader, and cuts at the byte it was told", async () => {
    let sentBytes = 0;
    const source = createServer((socket) => {
      socket.on("error", () => undefined);
      const send = () => {
        while (socket.writable && socket.write(Buffer.alloc(65_536))) sentBytes += 65_536;
      };
      socket.on("drain", send);
      send();
    });
    await new Promise<void>((resolve) => source.listen(0, "127.0.0.1", resolve));
    const { port } = source.address() as AddressInfo;
    await using proxy = await startTcpProxy({ target: { address: "127.0.0.1", port }, cutAfterBytes: 100_000_000 });
    const reader = connect(proxy.port, "127.0.0.1");
    let settledBytes = -1;
    while (settledBytes !== sentBytes) {
      settledBytes = sentBytes;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(sentBytes).toBeLessThan(40_000_000); // the proxy's line and the kernel's buffers, no more
    reader.resume();
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => reader.once("error", resolve));
    expect(error.code).toBe("ECONNRESET");
    expect(proxy.bytesFromTarget()).toBeLessThan(101_000_000);
    await new Promise((resolve) => source.close(resolve));
  });
});

test("a stock restic runs on a local repository", async (context) => {
  for (const version of ["0.14", "0.18"] as const) {
    const found = await services.findStockRestic(version);
    if ("missing" in found) {
      context.skip(found.missing);
      return;
    }
    await using temp = await createTempFolder();
    await using restic = await services.stockRestic(version, { repository: join(temp.path, "repo"), password: "geheim" });
    await restic.run(["init", "--repository-version", "2"]);
    expect((await restic.run(["check"])).stdout).toContain("no errors were found");
  }
});
