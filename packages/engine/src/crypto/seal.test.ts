import { createCipheriv, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Sealer } from "./seal.ts";

const key = { encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) };

describe("sealing", () => {
  it("is AES-256-CTR at every length, also where the counter overflows", () => {
    const sealer = new Sealer(key);
    const nonces = [randomBytes(16), Buffer.alloc(16, 0xff), Buffer.from("00112233445566778899aabbfffffffe", "hex")];
    nonces.push(Buffer.from("0011223344556677fffffffffffffffd", "hex"));
    for (const nonce of nonces) {
      for (const length of [0, 1, 3, 4, 15, 16, 17, 63, 64, 65, 1000, 32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 100_000]) {
        const plain = randomBytes(length);
        const sealed = sealer.seal(plain, nonce);
        const expected = createCipheriv("aes-256-ctr", key.encrypt, nonce).update(plain);
        expect(sealed.subarray(16, 16 + length).equals(expected), `length ${length}`).toBe(true);
        expect(sealer.open(sealed).equals(plain)).toBe(true);
      }
    }
  });

  it("never uses a nonce twice", () => {
    const sealer = new Sealer(key);
    const nonces = new Set(Array.from({ length: 2000 }, () => sealer.seal(Buffer.alloc(0)).toString("hex", 0, 16)));
    expect(nonces.size).toBe(2000);
  });
});
