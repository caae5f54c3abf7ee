import type { RunningCommand } from "@lifeboat/model";
import { expect, test, vi } from "vitest";
import { LineSession } from "../databases/line-session.ts";
import { TarReader } from "../files/tar-reader/tar-reader.ts";
import { PacketSplitter } from "../sftp/packet-splitter.ts";
import { ChunkList } from "./chunk-list.ts";
import { ChunkQueue } from "./chunk-queue.ts";
import { collectOutput } from "./collect-output.ts";

// A host that sends one byte a packet: what is kept is counted in buffers, each of which costs some 200 bytes by itself.

const count = 50_000;
const text = Buffer.from(Array.from({ length: count }, (_, at) => 97 + (at % 23)));

function* single(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1);
}

/** The most buffers that were joined at once while `work` ran. */
async function mostJoined(work: () => unknown): Promise<number> {
  const concat = vi.spyOn(Buffer, "concat");
  try {
    await work();
    return concat.mock.calls.reduce((most, [list]) => Math.max(most, list.length), 0);
  } finally {
    concat.mockRestore();
  }
}

function commandThatPrints(chunks: Iterable<Uint8Array>): RunningCommand {
  return {
    stdout: (async function* () {
      yield* chunks;
    })(),
    write: async () => undefined,
    endInput: () => undefined,
    stderr: () => "",
    exit: Promise.resolve({ status: 0, signal: null }),
    kill: () => undefined,
  };
}

test("small chunks become few, in their order, and keep no more memory than four times their bytes", () => {
  const list = new ChunkList();
  for (const byte of single(text)) list.push(byte);
  expect(list.bytes).toBe(count);
  const chunks = list.takeAll();
  expect(chunks).toHaveLength(1);
  expect(Buffer.concat(chunks).equals(text)).toBe(true);
  for (const length of [2, 3, 300, 5000]) {
    for (const byte of single(text.subarray(0, length))) list.push(byte);
    const [chunk] = list.takeAll();
    expect(chunk?.length).toBe(length);
    expect(chunk?.buffer.byteLength).toBeLessThanOrEqual(Math.max(256, 4 * length));
  }
});

test("large chunks are not copied, and small ones between them do not mix up the order", () => {
  const list = new ChunkList();
  const large = [1, 2, 3].map((fill) => Buffer.alloc(32 * 1024, fill));
  const small = [4, 5, 6].map((fill) => Buffer.alloc(3, fill));
  const pushed = [large[0], small[0], small[1], large[1], small[2], large[2]] as Buffer[];
  for (const chunk of pushed) list.push(chunk);
  const expected = Buffer.concat(pushed);
  for (const chunk of small) chunk.fill(9);
  const taken = list.takeAll();
  expect(taken).toHaveLength(5);
  for (const at of [0, 2, 4]) expect(taken[at]).toBe(large[at / 2]);
  expect(taken[1]).toEqual(expected.subarray(32 * 1024, 32 * 1024 + 6));
});

test("what was taken is not written to by what comes after it", () => {
  const list = new ChunkList();
  for (const byte of single(Buffer.from("abc"))) list.push(byte);
  const first = list.takeJoined();
  for (const byte of single(Buffer.from("xyz"))) list.push(byte);
  expect(`${first}${list.takeJoined()}`).toBe("abcxyz");
});

test("a queue that nobody reads keeps few of them", async () => {
  const queue = new ChunkQueue({ stop: () => undefined, go: () => undefined, abandoned: () => undefined });
  for (const byte of single(text)) queue.push(byte);
  expect(queue.waitingBytes).toBe(count);
  queue.end();
  const chunks: Uint8Array[] = [];
  for await (const chunk of queue) chunks.push(chunk);
  expect(chunks.length).toBeLessThan(10);
  expect(Buffer.concat(chunks).equals(text)).toBe(true);
  expect(queue.waitingBytes).toBe(0);
});

test("collected output keeps few of them", async () => {
  const most = await mostJoined(async () => {
    const { stdout } = await collectOutput(commandThatPrints(single(text)), { what: "it" });
    expect(stdout.equals(text)).toBe(true);
  });
  expect(most).toBeLessThan(10);
});

test("an answer in lines keeps few of them, and its marker is found however it was cut", async () => {
  const long = Buffer.alloc(200_000, "line\n");
  const printed = Buffer.concat([long, Buffer.from("the end\nsecond\nthe end\nrest")]);
  const session = new LineSession(commandThatPrints(single(printed)), "it");
  const most = await mostJoined(async () => {
    expect(await session.ask("", "the end")).toEqual(new Array(40_000).fill("line"));
  });
  expect(most).toBeLessThan(10);
  expect(await session.ask("", "the end")).toEqual(["second"]);
  expect(await session.ask("", "the end")).toBeUndefined();
});

test("an extended header of tar keeps few of them", async () => {
  const body = Buffer.from(`50022 comment=${"x".repeat(50_007)}\n`);
  const header = Buffer.alloc(512);
  header.write("name");
  header.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("        x", 148);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0`, 148);
  const none = () => undefined;
  const reader = new TarReader({ entry: () => true, data: none, hole: none, end: none });
  const most = await mostJoined(() => {
    for (const byte of single(Buffer.concat([header, body]))) reader.push(byte);
  });
  expect(body.length).toBe(50_022);
  expect(most).toBeLessThan(10);
});

test("packets of SFTP keep few of them, and come whole however they were cut", async () => {
  const packets = [1, 300, 20_000, 5, 70_000].map((length) => Buffer.alloc(length, length));
  const stream = Buffer.concat(
    packets.flatMap((packet) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(packet.length);
      return [length, packet];
    }),
  );
  for (const step of [1, 7, 1000, 16_384, 200_000]) {
    const splitter = new PacketSplitter();
    const got: Buffer[] = [];
    const most = await mostJoined(() => {
      for (let at = 0; at < stream.length; at += step) got.push(...splitter.push(stream.subarray(at, at + step)));
    });
    expect(most).toBeLessThan(10);
    expect(got.map((packet) => packet.toString("latin1"))).toEqual(packets.map((packet) => packet.toString("latin1")));
  }
});
