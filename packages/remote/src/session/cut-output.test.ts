import { setTimeout as wait } from "node:timers/promises";
import type { ServerChannel } from "ssh2";
import { afterEach, expect, test } from "vitest";
import { connectToServer } from "./test-host.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** OpenSSH tells the status when the program has ended, and may have output of it left to send. */
async function runOn(afterStatus: (channel: ServerChannel) => void) {
  const { machine, close } = await connectToServer((accept) => {
    const channel = accept();
    channel.write("\0lifeboat-start 1\0first half");
    channel.exit(0);
    afterStatus(channel);
  });
  cleanups.push(close);
  const command = await machine.run(["find"], {});
  let output = "";
  const read = async () => {
    for await (const chunk of command.stdout) output += Buffer.from(chunk).toString("latin1");
    return { output, ...(await command.exit) };
  };
  return read();
}

test("a status of success does not make output whole that a broken connection has cut", async () => {
  const cut = (channel: ServerChannel) => {
    const { _client: client } = channel as unknown as { readonly _client: { readonly _sock: { destroy(): void } } };
    setTimeout(() => client._sock.destroy(), 100);
  };
  await expect(runOn(cut)).rejects.toMatchObject({ code: "connection-lost" });
});

test("output that comes after the status is read to its end", async () => {
  const goOn = async (channel: ServerChannel) => {
    await wait(100);
    channel.write(", second half");
    channel.end();
  };
  expect(await runOn(goOn)).toEqual({ output: "first half, second half", status: 0, signal: null });
});
