import { createCipheriv, createDecipheriv, randomFillSync } from "node:crypto";
import sodium from "sodium-native";

/** Bytes that sealing adds: nonce (16) and tag (16). */
export const sealOverheadBytes = 32;

/** The keys that seal everything in one repository (repository-format 1.3): AES-256 key, Poly1305-AES k and r. */
export interface SealKey {
  readonly encrypt: Uint8Array;
  readonly macK: Uint8Array;
  readonly macR: Uint8Array;
}

/** Thrown when a tag does not fit: wrong key or changed bytes. */
export class TagMismatch extends Error {
  constructor() {
    super("the authentication tag does not fit");
    this.name = "TagMismatch";
  }
}

/**
 * AES-256-CTR with Poly1305-AES over the ciphertext: `nonce(16) || ciphertext || tag(16)`
 * (repository-format 1.5; Bernstein, "The Poly1305-AES message-authentication code").
 * One object per thread and key: it keeps the cipher that turns nonces into one-time pads.
 */
export class Sealer {
  readonly #key: Buffer;
  readonly #padCipher: ReturnType<typeof createCipheriv>;
  readonly #oneTimeKey = Buffer.alloc(32);
  readonly #tag = Buffer.alloc(16);
  readonly #noncePool = Buffer.alloc(16 * 256);
  #nonceAt = 16 * 256;

  constructor(key: SealKey) {
    this.#key = Buffer.from(key.encrypt);
    // ECB of single blocks: the object can be used for ever, which saves one allocation a blob.
    this.#padCipher = createCipheriv("aes-128-ecb", key.macK, null).setAutoPadding(false);
    this.#oneTimeKey.set(key.macR, 0);
    clampR(this.#oneTimeKey);
  }

  /** Writes the sealed form of `plain` into `target` at `offset`; needs plain.length + 32 bytes there. */
  sealInto(target: Uint8Array, offset: number, plain: Uint8Array, nonce: Uint8Array = this.#freshNonce()): void {
    target.set(nonce, offset);
    const cipher = createCipheriv("aes-256-ctr", this.#key, nonce);
    target.set(cipher.update(plain), offset + 16);
    const end = offset + 16 + plain.length;
    this.#authenticate(target.subarray(offset + 16, end), nonce);
    target.set(this.#tag, end);
  }

  seal(plain: Uint8Array, nonce?: Uint8Array): Buffer {
    const sealed = Buffer.allocUnsafe(plain.length + sealOverheadBytes);
    this.sealInto(sealed, 0, plain, nonce ?? this.#freshNonce());
    return sealed;
  }

  /** Checks the tag in constant time, then decrypts. Throws TagMismatch. */
  open(sealed: Uint8Array): Buffer {
    if (sealed.length < sealOverheadBytes) throw new TagMismatch();
    const nonce = sealed.subarray(0, 16);
    const cipherText = sealed.subarray(16, sealed.length - 16);
    this.#authenticate(cipherText, nonce);
    const tag = Buffer.from(sealed.buffer, sealed.byteOffset + sealed.length - 16, 16);
    if (!sodium.sodium_memcmp(this.#tag, tag) || nonce.every((byte) => byte === 0)) throw new TagMismatch();
    return createDecipheriv("aes-256-ctr", this.#key, nonce).update(cipherText) as Buffer;
  }

  #authenticate(cipherText: Uint8Array, nonce: Uint8Array): void {
    this.#oneTimeKey.set(this.#padCipher.update(nonce), 16);
    sodium.crypto_onetimeauth(
      this.#tag,
      Buffer.from(cipherText.buffer, cipherText.byteOffset, cipherText.length),
      this.#oneTimeKey,
    );
  }

  #freshNonce(): Uint8Array {
    if (this.#nonceAt === this.#noncePool.length) {
      randomFillSync(this.#noncePool);
      this.#nonceAt = 0;
    }
    // A copy: the pool is refilled later. 128 random bits are never all zero in practice; readers refuse that one value.
    const nonce = Buffer.from(this.#noncePool.subarray(this.#nonceAt, this.#nonceAt + 16));
    this.#nonceAt += 16;
    return nonce;
  }
}

function clampR(r: Uint8Array): void {
  for (const at of [3, 7, 11, 15]) r[at]! &= 0x0f;
  for (const at of [4, 8, 12]) r[at]! &= 0xfc;
}
