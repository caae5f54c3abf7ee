import * as fs from "node:fs";
import { join } from "node:path";
import type { Machine } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SshHost, startSshHost } from "../../../../test/services/index.ts";
import { collectOutput } from "../process/collect-output.ts";
import { LocalMachine } from "../process/local-machine.ts";
import { connectTo } from "../session/test-host.ts";
import { connectionString } from "./postgres-connection.ts";
import { chooseVersion, startThrowawayPostgres, type ThrowawayPostgresServer } from "./throwaway-postgres.ts";

const signal = new AbortController().signal;
let sshd: SshHost;
const folders: string[] = [];

beforeAll(async () => {
  sshd = await startSshHost();
});
afterAll(async () => {
  await sshd?.stop();
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

function makeFolder(): string {
  // Not under a long TMPDIR: a socket's path is short.
  const folder = fs.mkdtempSync("/tmp/lifeboat-pg-");
  fs.chmodSync(folder, 0o711);
  folders.push(folder);
  return folder;
}

async function sql(machine: Machine, server: ThrowawayPostgresServer, text: string) {
  const address = connectionString({ database: "postgres", user: server.user, server: server.host, port: server.port });
  const command = await machine.run([`${server.binFolder}/psql`, "-X", "-A", "-t", "-w", `--dbname=${address}`, "-c", text]);
  const { stdout, stderr, status } = await collectOutput(command, { what: "psql" });
  return { text: stdout.toString().trim(), stderr, status };
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function untilGone(pid: number, folder: string): Promise<void> {
  while (isAlive(pid) || fs.existsSync(join(folder, "data"))) await new Promise((resolve) => setTimeout(resolve, 50));
}

const machines: [string, () => Promise<Machine>][] = [
  ["the worker itself", async () => new LocalMachine({ env: { PATH: "/usr/bin:/bin" } })],
  ["a host over ssh", () => connectTo(sshd)],
];

describe.each(machines)("a throwaway PostgreSQL server on %s", (_, make) => {
  test("answers on its socket only, as no root, and leaves nothing behind", async () => {
    const machine = await make();
    const folder = makeFolder();
    const server = await startThrowawayPostgres(machine, { folder, majorVersion: undefined, signal });
    const pid = Number(fs.readFileSync(join(folder, "data/postmaster.pid"), "utf8").split("\n")[0]);
    expect(isAlive(pid)).toBe(true);
    expect(fs.statSync(`/proc/${pid}`).uid).not.toBe(0);
    expect((await sql(machine, server, "show server_version")).text.split(" ")[0]).toBe(server.serverVersion);
    expect((await sql(machine, server, "show listen_addresses")).text).toBe("");
    expect(fs.statSync(join(folder, "socket")).mode & 0o77).toBe(0);
    await expect(startThrowawayPostgres(machine, { folder, majorVersion: undefined, signal })).rejects.toMatchObject({
      code: "drill-target-failed",
    });
    expect((await sql(machine, server, "select 1")).text).toBe("1");
    await server.stop();
    await untilGone(pid, folder); // init may take a moment to collect it
    expect(fs.readdirSync(folder)).toEqual([]);
    await machine.close();
  });

  test("goes when the connection to its machine goes", async () => {
    const machine = await make();
    const folder = makeFolder();
    await startThrowawayPostgres(machine, { folder, majorVersion: undefined, signal });
    const pid = Number(fs.readFileSync(join(folder, "data/postmaster.pid"), "utf8").split("\n")[0]);
    await machine.close();
    await untilGone(pid, folder);
  });

  test("an abort while it starts ends it", async () => {
    const machine = await make();
    const folder = makeFolder();
    const controller = new AbortController();
    const starting = startThrowawayPostgres(machine, { folder, majorVersion: "15", signal: controller.signal });
    while (!fs.existsSync(join(folder, "data"))) await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort(new Error("enough"));
    await expect(starting).rejects.toThrow("enough");
    expect(fs.readdirSync(folder)).toEqual([]);
    await machine.close();
  });
});

test("the wished version is taken, else the next newer one, else the newest", () => {
  const found = ["13.9", "17.2", "15.18"].map((serverVersion) => ({ serverVersion }));
  const choose = (wish: string | undefined) => chooseVersion(found, wish)?.serverVersion;
  expect([choose("15"), choose("14"), choose("12"), choose("18"), choose(undefined)]).toEqual([
    "15.18",
    "15.18",
    "13.9",
    "17.2",
    "17.2",
  ]);
  expect(chooseVersion([], "15")).toBeUndefined();
});

test("a folder whose socket path would be too long is refused", async () => {
  const machine = new LocalMachine({ env: { PATH: "/usr/bin:/bin" } });
  const folder = `/tmp/${"x".repeat(90)}`;
  await expect(startThrowawayPostgres(machine, { folder, majorVersion: undefined, signal })).rejects.toMatchObject({
    code: "drill-target-failed",
  });
});
