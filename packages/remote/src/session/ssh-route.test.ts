import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { hostEntry } from "../../../../test/fixtures/host-entry.ts";
import { findFreePort, type SshHost, startSshHost } from "../../../../test/services/index.ts";
import { collectOutput } from "../process/collect-output.ts";
import { connectHost } from "./ssh-machine.ts";
import { connectOptions } from "./test-host.ts";

let bastion: SshHost;
let inner: SshHost;
let folder: string;

beforeAll(async () => {
  [bastion, inner] = await Promise.all([startSshHost({ sshdLines: ["LogLevel VERBOSE"] }), startSshHost()]);
  folder = mkdtempSync(join(tmpdir(), "lifeboat-route-"));
});
afterAll(async () => {
  await Promise.all([bastion?.stop(), inner?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

const hop = (host: SshHost, name: string, changes = {}) => hostEntry(host, { name, ...changes });

async function whereFrom(machine: Awaited<ReturnType<typeof connectHost>>): Promise<string> {
  const command = await machine.run(["sh", "-c", 'echo "$SSH_CONNECTION"']);
  return (await collectOutput(command, { what: "echo" })).stdout.toString("latin1").trim();
}

test("a host is reached through another one, with many channels, and nothing is left open", async () => {
  const machine = await connectHost(hostEntry(inner, { jumps: [hop(bastion, "bastion")] }), connectOptions());
  const words = (await whereFrom(machine)).split(" ");
  expect(words[3]).toBe(String(inner.port));
  // The peer is a socket of the bastion's sshd, as its log tells.
  expect(bastion.log()).toMatch(/Accepted publickey/);
  const outputs = await Promise.all(Array.from({ length: 20 }, () => machine.run(["head", "-c", "300000", "/dev/zero"])));
  for (const command of outputs) expect((await collectOutput(command, { what: "head" })).stdout.length).toBe(300_000);
  await machine.close();
});

test("through two hosts, and by aliases of ssh_config", async () => {
  const config = join(folder, "config");
  const known = join(folder, "known");
  writeFileSync(known, readFileSync(bastion.knownHostsFile, "utf8") + readFileSync(inner.knownHostsFile, "utf8"));
  const keys = `IdentityFile ${bastion.identityFile}\n  IdentityFile ${inner.identityFile}\n  IdentitiesOnly yes`;
  writeFileSync(
    config,
    `Host far\n  HostName 127.0.0.1\n  Port ${inner.port}\n  ProxyJump near,${bastion.user}@nearer\n` +
      `Host near nearer\n  HostName 127.0.0.1\n  Port ${bastion.port}\nHost *\n  User ${inner.user}\n  ${keys}\n  UserKnownHostsFile ${known}\n`,
  );
  const changes = { address: "far", port: undefined, identity: undefined, knownHosts: undefined, sshConfig: config };
  const host = { ...hostEntry(inner, changes), user: undefined };
  const machine = await connectHost(host, connectOptions());
  expect((await whereFrom(machine)).split(" ")[3]).toBe(String(inner.port));
  await machine.close();
});

test("the error says which machine on the way failed, and why", async () => {
  const port = await findFreePort();
  const through = (jumps: ReturnType<typeof hop>[], changes = {}) =>
    connectHost(hostEntry(inner, { jumps, ...changes }), connectOptions()).catch((error: unknown) => error);
  expect(await through([hop(bastion, "bastion", { port })])).toMatchObject({
    code: "host-unreachable",
    message: expect.stringMatching(/cannot connect to bastion .*ECONNREFUSED.*\(jump host bastion on the way to web1\)/),
  });
  expect(await through([hop(bastion, "bastion", { identity: inner.identityFile })])).toMatchObject({
    code: "login-refused",
    message: expect.stringMatching(/bastion .* refused the login .*\(jump host bastion on the way to web1\)/),
  });
  expect(await through([hop(bastion, "bastion")], { port })).toMatchObject({
    code: "host-unreachable",
    message: expect.stringMatching(/^bastion cannot reach web1 \(127\.0\.0\.1:[0-9]+\): .*refused/i),
  });
  expect(await through([hop(bastion, "bastion"), hop(bastion, "second", { port })])).toMatchObject({
    code: "host-unreachable",
    message: expect.stringMatching(/^bastion cannot reach second .*\(jump host second on the way to web1\)/),
  });
});

test("host keys are checked on every machine of the way", async () => {
  const none = join(folder, "no-keys");
  writeFileSync(none, "");
  const first = connectHost(hostEntry(inner, { jumps: [hop(bastion, "bastion", { knownHosts: none })] }), connectOptions());
  await expect(first).rejects.toMatchObject({ code: "host-key-unknown", context: { host: "bastion", jump: "bastion" } });
  const last = connectHost(hostEntry(inner, { jumps: [hop(bastion, "bastion")], knownHosts: none }), connectOptions());
  await expect(last).rejects.toMatchObject({ code: "host-key-unknown", context: { host: "web1" } });
});

test("a host that forwards nothing says so", async () => {
  const closed = await startSshHost({ sshdLines: ["AllowTcpForwarding no"] });
  try {
    const machine = connectHost(hostEntry(inner, { jumps: [hop(closed, "bastion")] }), connectOptions());
    await expect(machine).rejects.toMatchObject({
      code: "host-unreachable",
      message: expect.stringContaining("prohibited"),
      hint: expect.stringContaining("AllowTcpForwarding"),
    });
  } finally {
    await closed.stop();
  }
});

test("a way that is broken off before its end leaves nobody connected on it", async () => {
  await using first = await startSshHost({ sshdLines: ["LogLevel VERBOSE"] });
  const silent = createServer(() => {});
  onTestFinished(() => void silent.close());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const stop = new AbortController();
  const { port } = silent.address() as AddressInfo;
  silent.once("connection", () => stop.abort(new Error("enough")));
  const host = hostEntry(inner, { jumps: [hop(first, "bastion")], port });
  await expect(connectHost(host, { ...connectOptions(), signal: stop.signal })).rejects.toThrow();
  // Only of who had logged in.
  await expect
    .poll(() => first.log(), { timeout: 30_000 })
    .toMatch(/Accepted publickey[\s\S]*(Disconnected from user|Close session|Connection closed)/);
});

test("after the jump host's connection broke, the next command takes the way again", async () => {
  const first = await startSshHost();
  const machine = await connectHost(hostEntry(inner, { jumps: [hop(first, "bastion")] }), connectOptions());
  const running = await machine.run(["sleep", "60"]);
  await first.kill();
  await expect(
    (async () => {
      for await (const _ of running.stdout);
      await running.exit;
    })(),
  ).rejects.toMatchObject({ code: "connection-lost" });
  await expect(machine.run(["true"])).rejects.toMatchObject({ code: "host-unreachable" });
  const second = await startSshHost({ port: first.port });
  // Another key than before: strict on this way too.
  await expect(machine.run(["true"])).rejects.toMatchObject({
    code: expect.stringMatching(/^(host-key-changed|login-refused)$/),
  });
  await machine.close();
  await second.stop();
  await first.stop();
});
