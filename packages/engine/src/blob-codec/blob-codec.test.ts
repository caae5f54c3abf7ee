import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Sealer, type SealKey, sealOverheadBytes, sha256Hex, TagMismatch } from "../crypto/index.ts";
import { type BlobType, compress, compressBound } from "../format/index.ts";
import type { BlobCodec, SealedBlob, StoredBlob } from "./blob-codec.ts";
import { loadNativeCodec, NativeBlobCodec } from "./native-blob-codec.ts";
import { PortableBlobCodec } from "./portable-blob-codec.ts";

const key: SealKey = { encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) };
const native = new NativeBlobCodec(loadNativeCodec()!, key);
const portable = new PortableBlobCodec(key);

function seal(codec: BlobCodec, type: BlobType, plain: Uint8Array): { sealed: Uint8Array; result: SealedBlob } {
  const target = new Uint8Array(7 + compressBound(plain.length) + sealOverheadBytes);
  const result = codec.seal(type, plain, target, 7);
  expect(target.subarray(0, 7)).toEqual(new Uint8Array(7));
  return { sealed: target.slice(7, 7 + result.length), result };
}

function storedAs(type: BlobType, plain: Uint8Array, { compressed }: SealedBlob) {
  return { id: sha256Hex(plain), type, uncompressedLength: compressed ? plain.length : 0 };
}

const text = Buffer.from("the quick brown fox jumps over the lazy dog, again and again; ".repeat(400_000));
const plains: readonly [string, BlobType, Uint8Array, boolean][] = [
  ["nothing", "data", Buffer.alloc(0), false],
  ["one byte", "data", Buffer.from("x"), false],
  ["a small file", "data", text.subarray(0, 900), false],
  ["a text of 20 KB", "data", text.subarray(0, 20_000), true],
  ["a text of 24 MB", "data", text, true],
  ["noise of 20 KB", "data", randomBytes(20_000), false],
  ["noise of 3 MB that does not end with a part", "data", randomBytes(3_000_001), false],
  ["a small tree", "tree", text.subarray(0, 300), true],
  ["a tree that does not compress", "tree", randomBytes(5000), true],
];
const pairs: readonly [string, BlobCodec, BlobCodec][] = [
  ["native, read by portable", native, portable],
  ["portable, read by native", portable, native],
  ["native, read by itself", native, native],
  ["portable, read by itself", portable, portable],
];

describe.each(pairs)("%s", (_, writer, reader) => {
  test.each(plains)("%s", (_name, type, plain, compressed) => {
    const { sealed, result } = seal(writer, type, plain);
    expect(result.compressed).toBe(compressed);
    const blob = storedAs(type, plain, result);
    expect(Buffer.compare(reader.open(blob, sealed), plain)).toBe(0);
    reader.verify(blob, sealed);
    const target = new Uint8Array(plain.length + 10);
    expect(reader.openInto(blob, sealed, target, 5)).toBe(plain.length);
    expect(Buffer.compare(target.subarray(5, 5 + plain.length), plain)).toBe(0);
    expect([...target.subarray(0, 5), ...target.subarray(5 + plain.length)]).toEqual(Array(10).fill(0));
  });
});

test("any bytes come back, whoever wrote and reads them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70_000, size: "max" }), fc.constantFrom<BlobType>("data", "tree"), (plain, type) => {
      for (const [, writer, reader] of pairs) {
        const { sealed, result } = seal(writer, type, plain);
        expect(Buffer.compare(reader.open(storedAs(type, plain, result), sealed), plain)).toBe(0);
      }
    }),
    { numRuns: 60 },
  );
});

test("frames that somebody with the key has made up are judged alike", () => {
  const sealer = new Sealer(key);
  const judge = (codec: BlobCodec, blob: StoredBlob, sealed: Uint8Array) => {
    try {
      return sha256Hex(codec.open(blob, sealed));
    } catch {
      return "refused";
    }
  };
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(7)), { maxLength: 3 });
  let refused = 0;
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3000 }),
      flips,
      fc.integer({ min: 1, max: 5000 }),
      fc.nat(100),
      (plain, bits, claim, cut) => {
        const frame = Buffer.from(compress(Buffer.concat([plain, text.subarray(0, 1000)]), 3));
        for (const [at, bit] of bits) frame[at % frame.length]! ^= 1 << bit;
        const sealed = sealer.seal(frame.subarray(0, cut < 10 ? cut * 10 : frame.length));
        for (const uncompressedLength of [claim, plain.length + 1000]) {
          const blob = {
            id: sha256Hex(Buffer.concat([plain, text.subarray(0, 1000)])),
            type: "data",
            uncompressedLength,
          } as const;
          const verdict = judge(native, blob, sealed);
          expect(verdict).toBe(judge(portable, blob, sealed));
          if (verdict === "refused") refused++;
        }
      },
    ),
    { numRuns: 200 },
  );
  expect(refused).toBeGreaterThan(200);
});

test("hashes are those of the ranges", () => {
  const bytes = randomBytes(1000);
  const ranges = Uint32Array.from([0, 0, 0, 1000, 17, 300]);
  const expected = Buffer.concat(
    [
      [0, 0],
      [0, 1000],
      [17, 317],
    ].map(([from, to]) => Buffer.from(sha256Hex(bytes.subarray(from, to)), "hex")),
  );
  for (const codec of [native, portable]) expect(Buffer.compare(codec.hash(bytes, ranges), expected)).toBe(0);
});

describe.each([
  ["native", native],
  ["portable", portable],
] as const)("the hash of a pack beside those of blobs: %s", (_, codec) => {
  test("blobs and a pack of any length, in any steps", () => {
    const bytes = randomBytes(300_000);
    const lengths = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 70_000 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(lengths, lengths), { maxLength: 8 }), lengths, fc.boolean(), (steps, rest, isLeft) => {
        const hash = codec.createPackHash();
        let made = 0;
        for (const [blob, grown] of steps) {
          const ids = codec.hash(bytes, Uint32Array.of(1000, blob, 5, blob >>> 1), { hash, bytes: bytes.subarray(0, made) });
          expect(Buffer.from(ids.subarray(0, 32)).toString("hex")).toBe(sha256Hex(bytes.subarray(1000, 1000 + blob)));
          expect(Buffer.from(ids.subarray(32)).toString("hex")).toBe(sha256Hex(bytes.subarray(5, 5 + (blob >>> 1))));
          made = Math.min(made + grown, bytes.length - rest);
        }
        if (isLeft) hash.forget();
        expect(hash.finish(bytes.subarray(0, made + rest))).toBe(sha256Hex(bytes.subarray(0, made + rest)));
        // It has begun anew.
        expect(hash.finish(bytes)).toBe(sha256Hex(bytes));
      }),
      { numRuns: 300 },
    );
  });

  test.each(plains)("while %s is verified, and found to be damaged", (_name, type, plain) => {
    const pack = randomBytes(2_000_003);
    const hash = codec.createPackHash();
    const beside = { hash, bytes: pack };
    const { sealed, result } = seal(codec, type, plain);
    const blob = storedAs(type, plain, result);
    codec.verify(blob, sealed, beside);
    expect(() => codec.verify({ ...blob, id: sha256Hex(pack) }, sealed, beside)).toThrow("another hash");
    codec.verify(blob, sealed, beside);
    expect(hash.finish(pack)).toBe(sha256Hex(pack));
  });
});

test("a pack that became shorter is not hashed", () => {
  const hash = native.createPackHash();
  native.hash(new Uint8Array(1000), Uint32Array.of(0, 1000), { hash, bytes: new Uint8Array(640) });
  const shorter = { hash, bytes: new Uint8Array(639) };
  expect(() => native.hash(new Uint8Array(10), Uint32Array.of(0, 10), shorter)).toThrow("became shorter");
  expect(() => hash.finish(new Uint8Array(639))).toThrow("became shorter");
  expect(hash.finish(new Uint8Array(639))).toBe(sha256Hex(new Uint8Array(639)));
});

describe.each([
  ["native", native],
  ["portable", portable],
] as const)("what is damaged is refused: %s", (_, codec) => {
  test.each(plains.filter(([, , plain]) => plain.length > 0))("one bit of %s", (_name, type, plain) => {
    const { sealed, result } = seal(codec, type, plain);
    const blob = storedAs(type, plain, result);
    for (const at of [0, 15, 16, 16 + ((result.length - 32) >>> 1), result.length - 16, result.length - 1]) {
      const changed = sealed.slice();
      changed[at]! ^= 0x10;
      expect(() => codec.open(blob, changed)).toThrow(TagMismatch);
      expect(() => codec.verify(blob, changed)).toThrow(TagMismatch);
    }
  });

  test("an index that lies", () => {
    const plain = text.subarray(0, 50_000);
    const { sealed, result } = seal(codec, "data", plain);
    const blob = storedAs("data", plain, result);
    expect(() => codec.open({ ...blob, id: "0".repeat(64) }, sealed)).toThrow("another hash");
    expect(() => codec.verify({ ...blob, uncompressedLength: 0 }, sealed)).toThrow("another hash");
    expect(() => codec.open({ ...blob, uncompressedLength: plain.length + 1 }, sealed)).toThrow("another length");
    expect(() => codec.open({ ...blob, uncompressedLength: plain.length - 1 }, sealed)).toThrow();
    expect(() => codec.open({ ...blob, uncompressedLength: 1 }, sealed)).toThrow();
    expect(() => codec.open({ ...blob, uncompressedLength: 65 * 1024 * 1024 }, sealed)).toThrow("claims 68157440 bytes");
    expect(() => codec.open(blob, sealed.subarray(0, 31))).toThrow(TagMismatch);
    expect(() => codec.open(blob, new Uint8Array(0))).toThrow(TagMismatch);
    // Stored as it is, and called compressed: no frame.
    const noise = seal(codec, "data", randomBytes(2000)).sealed;
    expect(() => codec.open({ ...blob, uncompressedLength: 2000 }, noise)).toThrow();
  });

  test("another key", () => {
    const { sealed, result } = seal(codec, "data", text.subarray(0, 3000));
    const other = { ...key, macR: randomBytes(16) };
    const reader = codec.isNative ? new NativeBlobCodec(loadNativeCodec()!, other) : new PortableBlobCodec(other);
    expect(() => reader.open(storedAs("data", text.subarray(0, 3000), result), sealed)).toThrow(TagMismatch);
  });
});

test("a native part that was compiled for another version is not used", () => {
  expect(loadNativeCodec()).toBeDefined();
  expect(loadNativeCodec(() => ({ ...loadNativeCodec(), version: 1 }))).toBeUndefined();
  expect(loadNativeCodec(() => undefined)).toBeUndefined();
});

test("the native part refuses ranges outside of its arrays", () => {
  const part = loadNativeCodec()!;
  const codec = part.createCodec(key.encrypt, key.macK, key.macR);
  const bytes = new Uint8Array(100);
  const id = new Uint8Array(32);
  expect(() => part.createCodec(new Uint8Array(31), key.macK, key.macR)).toThrow("wrong length");
  const hash = (ranges: Uint32Array, ids: Uint8Array) => part.hash(codec, bytes, ranges, ids, undefined, undefined);
  expect(() => hash(Uint32Array.of(50, 51), id)).toThrow("outside");
  expect(() => hash(Uint32Array.of(0xffffffff, 2), id)).toThrow("outside");
  expect(() => hash(Uint32Array.of(0, 1), new Uint8Array(31))).toThrow("do not fit");
  expect(() => part.hash(codec, bytes, Uint32Array.of(0, 1), id, {}, bytes)).toThrow("the hash of a pack");
  expect(() => part.hash(codec, bytes, Uint32Array.of(0, 1), id, part.createPackHash(), undefined)).toThrow("Uint8Array");
  expect(() => part.finishPackHash(codec, part.createPackHash(), bytes, new Uint8Array(31))).toThrow("could not be hashed");
  expect(() => part.seal(codec, bytes, 0, bytes, 90, 11, 0, false)).toThrow("outside");
  expect(() => part.seal(codec, bytes, 0, bytes, 0, 69, 0, false)).toThrow("does not fit");
  expect(() => part.seal(codec, bytes, -1, bytes, 0, 1, 0, false)).toThrow("a size");
  expect(() => part.seal(codec, bytes, 101, bytes, 0, 1, 0, false)).toThrow("does not fit");
  expect(() => part.seal({}, bytes, 0, bytes, 0, 1, 0, false)).toThrow("a codec");
  part.seal(codec, bytes, 0, bytes, 0, 10, 0, false);
  const open = (at: number, target?: Uint8Array) => part.open(codec, bytes, at, 42, 0, id, target, 0, undefined, undefined);
  expect(() => open(0, new Uint8Array(9))).toThrow("does not fit");
  expect(() => open(60)).toThrow("outside");
  expect(open(0)).toBe(-4);
});
