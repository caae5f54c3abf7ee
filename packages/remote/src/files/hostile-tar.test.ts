import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileEntry, ReadEvent } from "@lifeboat/model";
import { byteString } from "@lifeboat/model";
import { afterAll, expect, test } from "vitest";
import { LocalMachine } from "../process/local-machine.ts";
import { createFileSource } from "./create-file-source.ts";
import { ReadEvents } from "./read-events.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-hostile-"));
const path = join(folder, "file");
writeFileSync(path, "ten bytes.");
afterAll(() => rmSync(folder, { recursive: true }));

function header(name: string, type: string, size: number): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, "latin1");
  block.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  block.write(`        ${type}`, 148, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
    "latin1",
  );
  return block;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

function record(key: string, value: Buffer | string): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

function archive(records: readonly Buffer[], body: Buffer): Buffer {
  const pax = Buffer.concat(records);
  return Buffer.concat([
    header("pax", "x", pax.length),
    padded(pax),
    header(path, "0", body.length),
    padded(body),
    Buffer.alloc(1024),
  ]);
}

function sparse(realSize: number): Buffer {
  const words = { major: "1", minor: "0", name: path, realsize: `${realSize}` };
  return archive(
    Object.entries(words).map(([key, value]) => record(`GNU.sparse.${key}`, value)),
    padded(Buffer.from("0\n")),
  );
}

/** Reads `path` from a machine whose tar answers with `bytes`. */
async function readFrom(bytes: Buffer): Promise<{ entry: FileEntry; events: ReadEvent[] }> {
  const bin = mkdtempSync(join(folder, "bin-"));
  writeFileSync(join(bin, "archive"), bytes);
  writeFileSync(join(bin, "tar"), `#!/bin/sh\ncat > /dev/null; exec cat ${join(bin, "archive")}\n`);
  chmodSync(join(bin, "tar"), 0o755);
  const machine = new LocalMachine({ env: { PATH: `${bin}:/usr/bin:/bin` } });
  try {
    const source = createFileSource(machine, { name: "test", paths: [byteString(path)] });
    const { signal } = new AbortController();
    const entries: FileEntry[] = [];
    for await (const batch of source.list({ signal, problem: () => undefined })) entries.push(...batch);
    const entry = entries.find((one) => one.path === path) as FileEntry;
    const events: ReadEvent[] = [];
    for await (const batch of source.read([entry], { signal })) events.push(...batch);
    return { entry, events };
  } finally {
    await machine.close();
  }
}

test("a hole far beyond the listed size is refused; one that fits comes in parts of at most 64 MiB", async () => {
  await expect(readFrom(sparse(Number.MAX_SAFE_INTEGER))).rejects.toMatchObject({
    code: "host-garbage",
    message: expect.stringContaining("holes"),
  });
  const length = 1024 ** 3;
  const holes = (await readFrom(sparse(length))).events.filter((event) => event.kind === "hole");
  expect(holes.reduce((sum, hole) => sum + hole.length, 0)).toBe(length);
  expect(holes.map((hole) => hole.length)).toEqual(Array(16).fill(64 * 1024 * 1024));
});

test("data may grow by a gibibyte or to the double of the listed size, and no further", async () => {
  const { entry } = await readFrom(sparse(10));
  const gibibyte = 1024 ** 3;
  // The length is all that is looked at.
  const bytes = (length: number) => ({ length }) as Buffer;
  const taking = (size: number, ...lengths: number[]) => {
    const events = new ReadEvents([{ ...entry, size }]);
    events.entry({ path, type: "0", xattrs: [], major: 0, minor: 0 });
    for (const length of lengths) events.data(bytes(length));
    return events.take().length;
  };
  expect(taking(10, gibibyte, 10)).toBe(3);
  expect(() => taking(10, gibibyte, 10, 1)).toThrow(/more data/);
  expect(taking(3 * gibibyte, 6 * gibibyte)).toBe(2);
  expect(() => taking(3 * gibibyte, 6 * gibibyte, 1)).toThrow(/more data/);
});

test("attributes that no kernel could hold are refused, the largest possible are not", async () => {
  const xattr = (name: string, size: number) => record(`SCHILY.xattr.user.${name}`, Buffer.alloc(size, 1));
  const tenBytes = Buffer.from("ten bytes.");
  const { events } = await readFrom(archive([xattr("a", 64 * 1024)], tenBytes));
  expect(events[0]).toMatchObject({ kind: "start", extras: { xattrs: [{ name: "user.a" }] } });
  const many = (count: number, nameBytes: number) =>
    Array.from({ length: count }, (_, at) => xattr(`${at}`.padStart(nameBytes - 5, "0"), 0));
  expect((await readFrom(archive(many(4000, 10), tenBytes))).events[0]).toMatchObject({ kind: "start" });
  for (const records of [[xattr("a", 64 * 1024 + 1)], many(4001, 10), many(300, 250)]) {
    await expect(readFrom(archive(records, tenBytes))).rejects.toMatchObject({
      code: "host-garbage",
      message: expect.stringContaining("extended attribute"),
    });
  }
});
