import { type ByteString, byteString } from "@lifeboat/model";
import { describe, expect, it } from "vitest";
import { deriveKey, Sealer, type SealKey, sha256Hex } from "../crypto/index.ts";
import {
  decodePackHeader,
  decodeTree,
  encodePackHeader,
  encodeTree,
  goFileMode,
  openKeyFile,
  quoteName,
  unixMode,
  unquoteName,
} from "./index.ts";

/** Deterministic vectors of the repository-format document, section 9.4: stock restic accepts exactly these bytes. */
const counting = (from: number, length: number) => Uint8Array.from({ length }, (_, at) => from + at);
const master: SealKey = { encrypt: counting(0, 32), macK: counting(0x20, 16), macR: counting(0x30, 16) };
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

const keyFile =
  '{"created":"2026-01-02T03:04:05Z","username":"lifeboat","hostname":"vector","kdf":"scrypt","N":1024,"r":8,"p":1,"salt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==","data":"oKGio6SlpqeoqaqrrK2ur36sJXgMxllzI6lcnRaskn2UcgeA8IZoY+yed5vxNCXYir1iZJBeMIxGE4eqH7Wx94f2NajutxYPSJiJsjrc9KT6TVkQIjcElsgLnOUlybb3tVXpw5wIeDrNSverchJZEulCK7KP0g3B20ajfZWyfyeIPnIIiTYVk0y9+MPmp2EugWkB8gCChe0JVHa1xYrc2w=="}';

const treeText =
  '{"nodes":[{"name":"a\\\\\\"b \\u003cc\\u003e \\\\xff","type":"file","mode":420,"mtime":"2026-01-02T03:04:05.6Z","atime":"2026-01-02T03:04:05.6Z","ctime":"2026-01-02T03:04:05.600000001Z","uid":0,"gid":0,"user":"root","group":"root","inode":9007199254740993,"device_id":64769,"size":15,"links":1,"content":["7e0c7b407bb44c54e8f820f506651e473cde6a0600c891cb581d89e4f1318661"]},{"name":"empty","type":"file","mode":384,"mtime":"2026-01-02T03:04:05Z","atime":"2026-01-02T03:04:05Z","ctime":"2026-01-02T03:04:05Z","uid":0,"gid":0,"links":1,"content":[]},{"name":"link","type":"symlink","mode":134218239,"mtime":"2026-01-02T03:04:05Z","atime":"2026-01-02T03:04:05Z","ctime":"2026-01-02T03:04:05Z","uid":0,"gid":0,"links":1,"linktarget":"../x","content":null},{"name":"sub","type":"dir","mode":2147484141,"mtime":"2026-01-02T03:04:05Z","atime":"2026-01-02T03:04:05Z","ctime":"2026-01-02T03:04:05Z","uid":0,"gid":0,"content":null,"subtree":"ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8"}]}\n';

describe("format vectors", () => {
  it("derives the user key", async () => {
    const key = await deriveKey("lifeboat", counting(0, 64), { N: 1024, r: 8, p: 1 });
    expect(hex(key.encrypt)).toBe("08e05fadd7d43e737379576984c45a26664d32f0f359483e1e6e542d9eb27a3d");
    expect(hex(key.macK)).toBe("a5ab08d8fe0126003ad3924058a46cce");
    expect(hex(key.macR)).toBe("81069b8e29bf1eb901d0633c5618a5d2");
  });

  it("opens the key file with its password and no other", async () => {
    expect(Buffer.byteLength(keyFile)).toBe(436);
    expect(sha256Hex(Buffer.from(keyFile))).toBe("6d3c978cef31e0fab3b2ee2e60df551c335e2a38ecfeff900f3d0d73fa7a5e9c");
    expect(await openKeyFile(Buffer.from(keyFile), "lifeboat")).toEqual({
      encrypt: Buffer.from(master.encrypt),
      macK: Buffer.from(master.macK),
      macR: Buffer.from(master.macR),
    });
    await expect(openKeyFile(Buffer.from(keyFile), "Lifeboat")).rejects.toThrow("tag");
  });

  it("seals a blob to the known bytes and opens them; one changed bit is noticed", () => {
    const sealer = new Sealer(master);
    const sealed = sealer.seal(Buffer.from("hello lifeboat\n"), counting(0xc0, 16));
    expect(hex(sealed)).toBe("c0c1c2c3c4c5c6c7c8c9cacbcccdcecfbfa73953293f9c296360cadeaef74ad5216f5d8f67bc1045b29a197428d6f5");
    expect(sealer.open(sealed).toString()).toBe("hello lifeboat\n");
    for (let at = 0; at < sealed.length; at++) {
      const damaged = Buffer.from(sealed);
      damaged[at]! ^= 1;
      expect(() => sealer.open(damaged)).toThrow("tag");
    }
  });

  it("builds the pack of two blobs", () => {
    const sealer = new Sealer(master);
    const [first, second] = [Buffer.from("hello lifeboat\n"), Buffer.from("x")];
    const blobs = [
      { id: sha256Hex(first), type: "data" as const, offset: 0, length: 47, uncompressedLength: 0 },
      { id: sha256Hex(second), type: "data" as const, offset: 47, length: 33, uncompressedLength: 0 },
    ];
    const header = encodePackHeader(blobs);
    expect(header.toString("hex")).toBe(`002f000000${blobs[0]!.id}0021000000${blobs[1]!.id}`);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(header.length + 32);
    const pack = Buffer.concat([
      sealer.seal(first, counting(0xc0, 16)),
      sealer.seal(second, counting(0xd0, 16)),
      sealer.seal(header, counting(0xe0, 16)),
      length,
    ]);
    expect(pack.length).toBe(190);
    expect(sha256Hex(pack)).toBe("7ec05584163da91a7823d427118f828e42c6423063fd9f8dc55ec22af91e1e92");
    expect(decodePackHeader(header)).toEqual(blobs);
  });

  it("reads and writes the canonical tree byte for byte, with an inode above 2^53", () => {
    const bytes = Buffer.from(treeText);
    expect(bytes.length).toBe(994);
    expect(sha256Hex(bytes)).toBe("67726cb41353ec5280cfc6d945feb6f458f39b93e7dcfaf960944d467eae87b5");
    expect(encodeTree(decodeTree(bytes)).toString()).toBe(treeText);
    expect(encodeTree([]).toString()).toBe('{"nodes":[]}\n');
  });
});

describe("names", () => {
  it("quotes as Go does", () => {
    const cases: [ByteString, string][] = [
      [byteString('a"b\\'), '\\a"b\\'.replace('\\a"b\\', 'a\\"b\\\\')],
      ["\xff" as ByteString, "\\xff"],
      [byteString("\u00a0"), "\\u00a0"],
      [byteString("\u200b"), "\\u200b"],
      [byteString("ä€😀"), "ä€😀"],
      [byteString("\u{e0001}"), "\\U000e0001"],
      ["\xed\xa0\x80" as ByteString, "\\xed\\xa0\\x80"],
      [byteString("\x07\b\f\n\r\t\v\x01\x7f"), "\\a\\b\\f\\n\\r\\t\\v\\x01\\x7f"],
    ];
    for (const [name, quoted] of cases) {
      expect(quoteName(name)).toBe(quoted);
      expect(unquoteName(quoted)).toBe(name);
    }
  });

  it("brings back every byte", () => {
    for (let byte = 1; byte < 256; byte++) {
      for (const name of [String.fromCharCode(byte), `a${String.fromCharCode(byte)}ä`] as ByteString[]) {
        const raw = name as ByteString;
        const mixed = (raw.length > 1 ? (`${raw.slice(0, 2)}\xc3\xa4` as ByteString) : raw) as ByteString;
        expect(unquoteName(quoteName(mixed))).toBe(mixed);
      }
    }
  });

  it("refuses names that leave their folder and quotes that are broken", () => {
    for (const name of ["..", ".", "", "a/b", "\\x00", '\\"'.slice(0, 1)]) {
      const tree = Buffer.from(`{"nodes":[{"name":${JSON.stringify(name)},"type":"file","content":[]}]}\n`);
      expect(() => decodeTree(tree)).toThrow("bad node name");
    }
  });
});

describe("modes", () => {
  it("are Go's file modes", () => {
    expect(goFileMode("file", 0o4755)).toBe(8389101);
    expect(goFileMode("dir", 0o755)).toBe(2147484141);
    expect(goFileMode("dir", 0o2775)).toBe(2151678461);
    expect(goFileMode("dir", 0o1777)).toBe(2148532735);
    expect(goFileMode("symlink", 0o777)).toBe(134218239);
    expect(goFileMode("dev", 0o660)).toBe(67109296);
    expect(goFileMode("chardev", 0o620)).toBe(69206416);
    expect(goFileMode("fifo", 0o644)).toBe(33554852);
    for (const mode of [0, 0o7777, 0o4000, 0o2755, 0o1777]) expect(unixMode(goFileMode("dir", mode))).toBe(mode);
  });
});
