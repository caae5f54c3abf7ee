import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Machine } from "@lifeboat/model";
import type { ClientChannel } from "ssh2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostEntry } from "../../../../test/fixtures/host-entry.ts";
import { type SshHost, startSshHost, startTcpProxy, type TcpProxy } from "../../../../test/services/index.ts";
import { collectOutput } from "../process/collect-output.ts";
import { ReceiveWindow, usualWindowBytes, WindowBudget, wideWindowBytes } from "./receive-window.ts";
import { connectHost } from "./ssh-machine.ts";
import { connectOptions, connectToServer } from "./test-host.ts";

const mebibyte = 1024 * 1024;
let sshd: SshHost;
let proxy: TcpProxy;
let known: string;

beforeAll(async () => {
  sshd = await startSshHost();
  proxy = await startTcpProxy({ target: sshd, delayMs: 25 });
  known = join(sshd.folder, "known-proxy");
  writeFileSync(known, readFileSync(sshd.knownHostsFile, "utf8").replace(`:${sshd.port}`, `:${proxy.port}`));
});
afterAll(async () => {
  await proxy?.stop();
  await sshd?.stop();
});

const connect = (changes = {}) =>
  connectHost(hostEntry(sshd, { port: proxy.port, knownHosts: known, ...changes }), connectOptions());

/** What the host has sent, when an answer to each of some later commands has come behind it. */
async function cameBefore(machine: Machine, before: number): Promise<number> {
  for (let at = 0; at < 6; at++) await (await machine.run(["true"])).exit;
  return proxy.bytesFromTarget() - before;
}

const mostUnread = usualWindowBytes + 256 * 1024;

// A failure here after an update of ssh2: look at ChannelInside.
test("a reader that keeps up is sent up to 8 MiB ahead, and one that stands still no more than that", async () => {
  const machine = await connect();
  const before = proxy.bytesFromTarget();
  const command = await machine.run(["head", "-c", `${800 * mebibyte}`, "/dev/zero"]);
  const output = command.stdout[Symbol.asyncIterator]();
  let taken = 0;
  let ahead = 0;
  // A test that is held up by others is a slow reader at times: then it has more to read until it has kept up.
  while (ahead < wideWindowBytes - mebibyte && taken < 790 * mebibyte) {
    for (const next = taken + 16 * mebibyte; taken < next; ) taken += (await output.next()).value!.length;
    ahead = (await cameBefore(machine, before)) - taken;
  }
  expect(ahead).toBeGreaterThanOrEqual(wideWindowBytes - mebibyte);
  expect(ahead).toBeLessThan(wideWindowBytes + 512 * 1024);
  await machine.close();
});

test.each([
  ["without a limit", undefined],
  ["with a limit of the rate", 4 * mebibyte],
])("%s little comes of a command that nobody reads, and all of it when it is read", async (_, maxBytesPerSecond) => {
  const machine = await connect({ maxBytesPerSecond });
  const before = proxy.bytesFromTarget();
  const command = await machine.run(["head", "-c", `${12 * mebibyte}`, "/dev/zero"]);
  expect(await cameBefore(machine, before)).toBeLessThan(mostUnread);
  expect((await collectOutput(command, { what: "head" })).stdout.length).toBe(12 * mebibyte);
  await machine.close();
});

test("what comes through windows that are full again and again is what was sent", async () => {
  const machine = await connect();
  const script = "i=0; while [ $i -lt 3000 ]; do echo $i; head -c 20000 /dev/zero; echo mistake >&2; i=$((i+1)); done";
  const command = await machine.run(["sh", "-c", script], { maxStderrBytes: mebibyte });
  let numbers = "";
  let bytes = 0;
  for await (const chunk of command.stdout) {
    bytes += chunk.length;
    numbers += Buffer.from(chunk).toString("latin1").replaceAll("\0", "");
    // A slow reader: both the reader and the line are the limit at times.
    if (bytes % 7 === 0) await wait(1);
  }
  expect(numbers).toBe(Array.from({ length: 3000 }, (_, at) => `${at}\n`).join(""));
  expect(bytes).toBe(3000 * 20000 + numbers.length);
  expect(command.stderr()).toBe("mistake\n".repeat(3000));
  await machine.close();
});

test("a host that sends more than it was granted is given up, before it fills the memory", async () => {
  const { machine, close } = await connectToServer((accept) => {
    const channel = accept();
    channel.write("\0lifeboat-start 1\0");
    // What ssh2 keeps of the client's grants.
    (channel as unknown as { outgoing: { window: number } }).outgoing.window = 1024 * mebibyte;
    const flood = Buffer.alloc(32 * 1024);
    for (let sent = 0; sent < 64 * mebibyte; sent += flood.length) channel.write(flood);
    return channel;
  });
  try {
    const command = await machine.run(["true"]);
    await command.exit;
    const read = (async () => {
      for await (const _ of command.stdout);
    })();
    await expect(read).rejects.toMatchObject({ code: "host-garbage" });
  } finally {
    await close();
  }
});

test("where ssh2 is not as it was, its own window stays", () => {
  const shapes: object[] = [
    {},
    { incoming: { window: 0, state: "open" } },
    { incoming: { window: 4 * usualWindowBytes, state: "open" }, outgoing: { id: 1, state: "open" } },
    { incoming: { window: usualWindowBytes, state: "open" }, outgoing: { id: 1, state: "open" }, _client: {} },
  ];
  for (const shape of shapes) {
    const before = JSON.stringify(shape);
    const parts = { mostBytes: wideWindowBytes, budget: new WindowBudget(), unread: () => 0, overrun: () => undefined };
    const window = new ReceiveWindow(shape as unknown as ClientChannel, parts);
    window.refresh();
    expect(window.isOurs).toBe(false);
    expect(JSON.stringify(shape)).toBe(before);
  }
});
