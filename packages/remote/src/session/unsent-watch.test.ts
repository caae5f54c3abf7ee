import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { connectToServer } from "./test-host.ts";
import { UnsentWatch } from "./unsent-watch.ts";

const mebibyte = 1024 * 1024;

/** ssh2's own, whose socket the types do not show. */
interface ServerSide {
  readonly _client: { readonly _sock: Duplex; readonly _protocol: { ping(): void } };
}

test("a host that asks without end and reads no answer is given up", async () => {
  let asked = 0;
  const { machine, close } = await connectToServer((accept) => {
    const channel = accept();
    channel.write("\0lifeboat-start 1\0");
    const { _sock: socket, _protocol: protocol } = (channel as unknown as ServerSide)._client;
    socket.pause();
    const ask = () => {
      for (let at = 0; at < 5000 && !socket.destroyed; at++, asked++) protocol.ping();
      if (!socket.destroyed && asked < 5_000_000) setImmediate(ask);
    };
    ask();
  });
  try {
    const command = await machine.run(["true"]);
    await command.exit;
    const read = (async () => {
      for await (const _ of command.stdout);
    })();
    await expect(read).rejects.toMatchObject({ code: "host-garbage", message: expect.stringContaining("asks without end") });
    expect(asked).toBeGreaterThan(100_000);
  } finally {
    await close();
  }
}, 60_000);

/** A socket that passes nothing on, over which a channel writes. */
function createStuck() {
  let flooded = 0;
  const socket = new Duplex({ read: () => undefined, write: () => undefined });
  const watch = new UnsentWatch(socket, () => flooded++);
  const channel = { write: (chunk: Uint8Array) => socket.write(chunk), writableLength: 0, once: () => undefined };
  watch.exempt(channel as unknown as Parameters<UnsentWatch["exempt"]>[0]);
  const hear = async () => {
    socket.push("x");
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { socket, channel, hear, count: () => flooded };
}

test("what channels write is never too much, and answers beside it are", async () => {
  const { socket, channel, hear, count } = createStuck();
  for (let at = 0; at < 100; at++) channel.write(Buffer.alloc(mebibyte));
  for (let at = 0; at < 10_000; at++) channel.write(Buffer.alloc(1));
  await hear();
  expect(count()).toBe(0);
  socket.write(Buffer.alloc(30 * mebibyte));
  await hear();
  expect(count()).toBe(0);
  socket.write(Buffer.alloc(6 * mebibyte));
  await hear();
  expect(count()).toBe(1);
});

test("what waits in a channel for window is not taken for answers, when all else was sent", async () => {
  const { socket, channel, hear, count } = createStuck();
  channel.writableLength = 60 * mebibyte;
  socket.emit("drain");
  socket.write(Buffer.alloc(60 * mebibyte));
  await hear();
  expect(count()).toBe(0);
  channel.writableLength = 0;
  socket.emit("drain");
  await hear();
  expect(count()).toBe(1);
});
