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

function sparse(realSize: string): Buffer {
  const words = { major: "1", minor: "0", name: path, realsize: realSize };
  return archive(
    Object.entries(words).map(([key, value]) => record(`GNU.sparse.${key}`, value)),
    padded(Buffer.from("0\n")),
  );
}

/** Reads `path` and `others` from a machine whose tar answers with `bytes`. */
async function readFrom(
  bytes: Buffer,
  others: readonly string[] = [],
  script = (archive: string) => `cat > /dev/null; exec cat ${archive}`,
  paths = [path],
): Promise<{ entry: FileEntry; events: ReadEvent[] }> {
  const bin = mkdtempSync(join(tmpdir(), "lifeboat-bin-"));
  writeFileSync(join(bin, "archive"), bytes);
  writeFileSync(join(bin, "tar"), `#!/bin/sh\n${script(join(bin, "archive"))}\n`);
  chmodSync(join(bin, "tar"), 0o755);
  const machine = new LocalMachine({ env: { PATH: `${bin}:/usr/bin:/bin` } });
  try {
    const wanted = [...paths, ...others];
    const source = createFileSource(machine, { name: "test", paths: wanted.map(byteString) });
    const { signal } = new AbortController();
    const found = new Map<string, FileEntry>();
    for await (const batch of source.list({ signal, problem: () => undefined })) {
      for (const one of batch) found.set(one.path, one);
    }
    const entries = wanted.map((one) => found.get(one) as FileEntry);
    const events: ReadEvent[] = [];
    for await (const batch of source.read(entries, { signal })) events.push(...batch);
    return { entry: entries[0] as FileEntry, events };
  } finally {
    await machine.close();
    rmSync(bin, { recursive: true });
  }
}

test("a hole far beyond the listed size costs that file alone; one that fits comes in parts of at most 64 MiB", async () => {
  for (const size of ["9007199254740991", "9007199254740992", "18446744073709551615"]) {
    const { events } = await readFrom(sparse(size));
    expect(events).toEqual([
      { kind: "verdict", index: 0, verdict: "unreadable", detail: expect.stringMatching(/too large|claims/) },
    ]);
  }
  const length = 1024 ** 3;
  const holes = (await readFrom(sparse(`${length}`))).events.filter((event) => event.kind === "hole");
  expect(holes.reduce((sum, hole) => sum + hole.length, 0)).toBe(length);
  expect(holes.map((hole) => hole.length)).toEqual(Array(16).fill(64 * 1024 * 1024));
});

test("a file may grow by a gibibyte or to the double of the listed size, and no further", async () => {
  const { entry } = await readFrom(sparse("10"));
  const gibibyte = 1024 ** 3;
  const refusal = (listed: number, size: number) => {
    const events = new ReadEvents([{ ...entry, size: listed }]);
    const isWanted = events.entry({ path, type: "0", size, xattrs: [], major: 0, minor: 0 });
    expect([isWanted, events.wasRead(0)]).toEqual(Array(2).fill(events.refusalOf(0) === undefined));
    return events.refusalOf(0);
  };
  expect(refusal(10, gibibyte + 10)).toBeUndefined();
  expect(refusal(10, gibibyte + 11)).toBe("tar claims 1073741835 bytes of it, and it has 10");
  expect(refusal(3 * gibibyte, 6 * gibibyte)).toBeUndefined();
  expect(refusal(3 * gibibyte, 6 * gibibyte + 1)).toMatch(/claims/);
});

test.each(["4611686018427387904", "99999999999"])(
  "of a file that claims %s bytes not all is waited for, and what stands behind it is read by another tar",
  async (claimed) => {
    const behind = join(folder, "gone on");
    writeFileSync(behind, "of the other");
    const size = record("size", claimed);
    const start = Buffer.concat([header("pax", "x", size.length), padded(size), header(path, "0", 0)]);
    const { events } = await readFrom(start, [behind], (archive) => {
      return `if grep -qz "^${path}$"; then cat ${archive}; exec cat /dev/zero; fi; printf '${behind}\\0' | exec /usr/bin/tar "$@"`;
    });
    expect(events).toMatchObject([
      { kind: "start", index: 1 },
      { kind: "data", index: 1, bytes: Buffer.from("of the other") },
      { kind: "end", index: 1 },
      { kind: "verdict", index: 0, verdict: "unreadable", detail: expect.stringMatching(/too large|claims/) },
      { kind: "verdict", index: 1, verdict: "same" },
    ]);
  },
);

test("data that tar sends for a folder is dropped, without end too", async () => {
  const size = record("size", "99999999999");
  const start = Buffer.concat([header("pax", "x", size.length), padded(size), header(folder, "0", 0)]);
  const { events } = await readFrom(start, [folder], (archive) => `cat > /dev/null; cat ${archive}; exec cat /dev/zero`, []);
  expect(events).toMatchObject([
    { kind: "start", index: 0 },
    { kind: "end", index: 0 },
    { kind: "verdict", index: 0 },
  ]);
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
