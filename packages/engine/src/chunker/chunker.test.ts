import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createChacha12Bytes } from "./chacha12-bytes.ts";
import { Chunker, type ChunkerOptions } from "./index.ts";
import { findReferenceCuts } from "./reference-cuts.ts";

const polynomial = "3da3358b4dc173";
const mebibyte = 1024 * 1024;

test("cuts the published vector where it is published", { timeout: 60_000 }, async () => {
  const data = createChacha12Bytes(23n, 32 * mebibyte);
  expect(await hashToHex(data.subarray(0, mebibyte))).toMatch(/^edde0629189f5682/);
  const chunks = cut(data, { pushBytes: mebibyte });
  const lengths = chunks.map((chunk) => chunk.length);
  expect(lengths.slice(0, 5)).toEqual([849138, 3400295, 696162, 572781, 1130212]);
  expect(lengths.length).toBe(29);
  expect(lengths.at(-1)).toBe(355104);
  const ids = await Promise.all([0, 1, 2, 3, 4, 28].map(async (index) => (await hashToHex(chunks[index]!)).slice(0, 8)));
  expect(ids).toEqual(["cc6e2874", "fe11521f", "2acf89a2", "a2031c52", "1f1af73e", "558260ef"]);
});

test("cuts zeros at the minimum, so that every hole of a sparse file is the same blob", { timeout: 60_000 }, async () => {
  const chunks = cut(new Uint8Array(5 * mebibyte + 7), { pushBytes: 300_000 });
  expect(chunks.map((chunk) => chunk.length)).toEqual([...Array(10).fill(524288), 7]);
  for (const chunk of chunks.slice(0, 10)) {
    expect(await hashToHex(chunk)).toBe("07854d2fef297a06ba81685e660c332de36d5d18d546927d30daad6d7fda1541");
  }
});

test("cuts at the maximum where no fingerprint fits", { timeout: 60_000 }, () => {
  // A constant byte other than 0 gives one fingerprint everywhere, and this one is not a cut.
  expect(cut(new Uint8Array(20 * mebibyte).fill(1), { pushBytes: 777_777 }).map((chunk) => chunk.length)).toEqual([
    8 * mebibyte,
    8 * mebibyte,
    4 * mebibyte,
  ]);
});

test("makes one chunk of a stream up to the minimum and none of an empty one", () => {
  expect(new Chunker(polynomial).finish()).toEqual([]);
  const empty = new Chunker(polynomial);
  expect(empty.push(new Uint8Array(0))).toEqual([]);
  expect(empty.finish()).toEqual([]);
  for (const length of [1, 63, 64, 65, 524287, 524288]) {
    expect(cut(createChacha12Bytes(1n, length), { pushBytes: 100_000 }).map((chunk) => chunk.length)).toEqual([length]);
  }
});

test("looked at in between, cuts the same, and says of an end whether it is a cut", { timeout: 60_000 }, () => {
  const data = createChacha12Bytes(5n, 12 * mebibyte);
  const lengths = cut(data, { pushBytes: mebibyte }).map((chunk) => chunk.length);
  const ends = lengths.map((_, at) => lengths.slice(0, at + 1).reduce((sum, length) => sum + length, 0));
  const stops = [...ends, ...ends.map((end) => end - 1), ...ends.map((end) => end + 1), 1, 524_287, 700_001, 5 * mebibyte];
  const chunker = new Chunker(polynomial);
  const found: number[] = [];
  let pushed = 0;
  for (const stop of stops.filter((stop) => stop <= data.length).sort((a, b) => a - b)) {
    found.push(...chunker.push(data.subarray(pushed, stop)).map((chunk) => chunk.length));
    pushed = stop;
    found.push(...chunker.settle().map((chunk) => chunk.length));
    const isCut = ends.slice(0, -1).includes(stop);
    expect([stop, found.reduce((sum, length) => sum + length, 0) === stop]).toEqual([stop, isCut]);
  }
  found.push(...chunker.push(data.subarray(pushed)).map((chunk) => chunk.length));
  found.push(...chunker.finish().map((chunk) => chunk.length));
  expect(found).toEqual(lengths);
});

test("finds the first of two cuts, wherever they lie in lanes and blocks", { timeout: 60_000 }, () => {
  // 64 zeros are a cut right behind them. A lane is 8192 positions from the minimum on, a block four lanes.
  const lanes = [0, 1, 2, 3, 4, 5, 8];
  const places = lanes.flatMap((lane) => [-1, 0, 1, 4000].map((step) => 64 + lane * 8192 + step)).filter((place) => place >= 64);
  const noise = createChacha12Bytes(8n, 80_000);
  for (const first of places) {
    for (const second of places) {
      if (second !== first && second < first + 64) continue;
      const data = noise.slice();
      for (const place of [first, second]) data.fill(0, place - 64, place);
      const expected = second === first ? [first, data.length - first] : [first, second - first, data.length - second];
      const lengths = cut(data, { pushBytes: data.length, minBytes: 64 }).map((chunk) => chunk.length);
      expect(lengths, `zeros before ${first} and ${second}`).toEqual(expected);
    }
  }
});

test("equals the definition for any content, any limits and any split into pushes", { timeout: 120_000 }, () => {
  // Runs of about 64 zeros are cuts: some wanted, some below the minimum, some one byte too short.
  const stream = fc.record({
    seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    length: fc.integer({ min: 0, max: 150_000 }),
    zeroRuns: fc.array(fc.noBias(fc.record({ at: fc.nat(150_000), length: fc.integer({ min: 62, max: 67 }) })), {
      maxLength: 30,
    }),
    minBytes: fc.oneof(fc.constant(64), fc.integer({ min: 64, max: 40_000 })),
    spanBytes: fc.oneof(fc.constantFrom(0, 1, 32767, 32768, 32769), fc.integer({ min: 0, max: 120_000 })),
    pushes: fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 8 }),
    polynomial: fc.constantFrom("3da3358b4dc173", "355616fd792263", "20a755d4e26233"),
  });
  fc.assert(
    fc.property(stream, ({ seed, length, zeroRuns, minBytes, spanBytes, pushes, polynomial }) => {
      const data = createChacha12Bytes(seed, length);
      for (const run of zeroRuns) data.fill(0, run.at, run.at + run.length);
      const maxBytes = minBytes + spanBytes;
      const chunks = cut(data, { pushBytes: pushes, minBytes, maxBytes, polynomial });
      expect(chunks.map((chunk) => chunk.length)).toEqual(findReferenceCuts(data, BigInt(`0x${polynomial}`), minBytes, maxBytes));
      expect(Buffer.compare(Buffer.concat(chunks), data)).toBe(0);
    }),
    { numRuns: 30, endOnFailure: true },
  );
});

test("keeps two streams apart that grow side by side", { timeout: 60_000 }, () => {
  const first = createChacha12Bytes(5n, 3 * mebibyte);
  const second = createChacha12Bytes(6n, 3 * mebibyte);
  const chunkers = [new Chunker(polynomial), new Chunker(polynomial)] as const;
  const found: [Uint8Array[], Uint8Array[]] = [[], []];
  for (let at = 0; at < first.length; at += 65536) {
    found[0].push(...chunkers[0].push(first.subarray(at, at + 65536)));
    found[1].push(...chunkers[1].push(second.subarray(at, at + 65536)));
  }
  found[0].push(...chunkers[0].finish());
  found[1].push(...chunkers[1].finish());
  for (const [index, data] of [first, second].entries()) {
    expect(found[index]!.map((chunk) => chunk.length)).toEqual(
      cut(data, { pushBytes: data.length }).map((chunk) => chunk.length),
    );
    expect(Buffer.compare(Buffer.concat(found[index]!), data)).toBe(0);
  }
});

test("copies what it is given and gives what it can transfer, in a worker thread too", { timeout: 60_000 }, async () => {
  const script = `
    const { parentPort } = require("node:worker_threads");
    import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)}).then(({ Chunker }) => {
      const chunker = new Chunker("${polynomial}");
      const bytes = new Uint8Array(1000).fill(7);
      const chunks = chunker.push(bytes);
      bytes.fill(8);
      chunks.push(...chunker.push(bytes), ...chunker.finish());
      parentPort.postMessage(chunks, chunks.map((chunk) => chunk.buffer));
    });`;
  const worker = new Worker(script, { eval: true });
  try {
    const chunks = await new Promise<Uint8Array[]>((resolve, reject) => worker.once("message", resolve).once("error", reject));
    expect(chunks).toEqual([new Uint8Array(2000).fill(7, 0, 1000).fill(8, 1000)]);
    expect(chunks[0]!.buffer.byteLength).toBe(2000);
  } finally {
    await worker.terminate();
  }
});

test("refuses bytes after the end and limits that cannot be kept", () => {
  const chunker = new Chunker(polynomial);
  chunker.finish();
  expect(() => chunker.push(new Uint8Array(1))).toThrow("ended");
  expect(() => chunker.finish()).toThrow("ended");
  for (const options of [{ minBytes: 63 }, { minBytes: 100, maxBytes: 99 }, { maxBytes: 8 * mebibyte + 1 }, { minBytes: 64.5 }]) {
    expect(() => new Chunker(polynomial, options)).toThrow(RangeError);
  }
});

function cut(
  data: Uint8Array,
  options: ChunkerOptions & { readonly pushBytes: number | readonly number[]; readonly polynomial?: string },
): Uint8Array[] {
  const sizes = typeof options.pushBytes === "number" ? [options.pushBytes] : options.pushBytes;
  const chunker = new Chunker(options.polynomial ?? polynomial, options);
  const chunks: Uint8Array[] = [];
  for (let at = 0, push = 0; at < data.length; push++) {
    const size = sizes[push % sizes.length]!;
    chunks.push(...chunker.push(data.subarray(at, at + size)));
    at += size;
  }
  return [...chunks, ...chunker.finish()];
}

async function hashToHex(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)).toString("hex");
}
