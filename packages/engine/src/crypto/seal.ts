/// <reference path="./sodium-native.d.ts" />
import { createCipheriv, randomFillSync } from "node:crypto";
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
  readonly #blockCipher: ReturnType<typeof createCipheriv>;
  readonly #oneTimeKey = Buffer.alloc(32);
  readonly #tag = Buffer.alloc(16);
  readonly #noncePool = Buffer.alloc(16 * 256);
  #nonceAt = 16 * 256;

  constructor(key: SealKey) {
    this.#key = Buffer.from(key.encrypt);
    // ECB of single blocks: the object can be used for ever, which saves one allocation a blob.
    this.#padCipher = createCipheriv("aes-128-ecb", key.macK, null).setAutoPadding(false);
    this.#blockCipher = createCipheriv("aes-256-ecb", key.encrypt, null).setAutoPadding(false);
    this.#oneTimeKey.set(key.macR, 0);
    clampR(this.#oneTimeKey);
  }

  /** Writes the sealed form of `plain` into `target` at `offset`; needs plain.length + 32 bytes there. */
  sealInto(target: Uint8Array, offset: number, plain: Uint8Array, nonce: Uint8Array = this.#freshNonce()): void {
    target.set(nonce, offset);
    this.#cryptInto(target, offset + 16, plain, nonce);
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
    const cipherText = this.#verified(sealed);
    const nonce = sealed.subarray(0, 16);
    if (cipherText.length <= smallBytes) return this.#cryptSmall(cipherText, nonce);
    const plain = Buffer.allocUnsafeSlow(cipherText.length);
    this.#cryptInto(plain, 0, cipherText, nonce);
    return plain;
  }

  /** As `open`, in parts of at most 64 KiB, each gone when the next one is asked for. The tag is checked before the first one. */
  *openParts(sealed: Uint8Array): Generator<Uint8Array> {
    yield* this.#cryptParts(this.#verified(sealed), sealed.subarray(0, 16));
  }

  /** The cipher text of a sealed form whose tag fits. */
  #verified(sealed: Uint8Array): Uint8Array {
    if (sealed.length < sealOverheadBytes) throw new TagMismatch();
    const nonce = sealed.subarray(0, 16);
    const cipherText = sealed.subarray(16, sealed.length - 16);
    this.#authenticate(cipherText, nonce);
    const tag = Buffer.from(sealed.buffer, sealed.byteOffset + sealed.length - 16, 16);
    if (!sodium.sodium_memcmp(this.#tag, tag) || nonce.every((byte) => byte === 0)) throw new TagMismatch();
    return cipherText;
  }

  #cryptInto(target: Uint8Array, offset: number, input: Uint8Array, nonce: Uint8Array): void {
    let at = offset;
    for (const part of this.#cryptParts(input, nonce)) {
      target.set(part, at);
      at += part.length;
    }
  }

  /**
   * AES-256-CTR, the same in both directions. In parts: they stay in the processor's cache, and their memory is used again, where a
   * large result would be new memory of the system each time (measured: 8.1 s of CPU a GiB, of them 6 in page faults, against 1.5 s).
   */
  *#cryptParts(input: Uint8Array, nonce: Uint8Array): Generator<Uint8Array> {
    if (input.length <= smallBytes) {
      yield this.#cryptSmall(input, nonce);
      return;
    }
    const cipher = createCipheriv("aes-256-ctr", this.#key, nonce);
    for (let at = 0; at < input.length; at += partBytes) {
      const part = cipher.update(input.subarray(at, at + partBytes)) as Buffer;
      yield part;
      // Given back at once: the collector sees only small objects, and would leave these lying.
      if (part.byteLength === part.buffer.byteLength && part.buffer instanceof ArrayBuffer) part.buffer.transfer(0);
    }
  }

  /** A cipher object costs as much as encrypting 60 KB: small blobs take their key stream from one that lives on. */
  #cryptSmall(input: Uint8Array, nonce: Uint8Array): Buffer {
    const stream = this.#blockCipher.update(counterBlocks(nonce, Math.ceil(input.length / 16))) as Buffer;
    const whole = input.length >>> 2;
    const words = new Uint32Array(whole + 1);
    const bytes = Buffer.from(words.buffer, 0, input.length);
    bytes.set(input);
    if (stream.byteOffset % 4 === 0) {
      const streamWords = new Uint32Array(stream.buffer, stream.byteOffset, stream.length >>> 2);
      for (let at = 0; at < whole; at++) words[at]! ^= streamWords[at]!;
      for (let at = whole * 4; at < bytes.length; at++) bytes[at]! ^= stream[at]!;
    } else {
      for (let at = 0; at < bytes.length; at++) bytes[at]! ^= stream[at]!;
    }
    return bytes;
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

const smallBytes = 32 * 1024;
const partBytes = 64 * 1024;
const blockWords = new Uint32Array(smallBytes / 4);
const blockBytes = Buffer.from(blockWords.buffer);

/** The nonce and what follows it when counted up as one 128-bit big-endian number. The buffer is used again. */
function counterBlocks(nonce: Uint8Array, count: number): Buffer {
  const view = new DataView(nonce.buffer, nonce.byteOffset, 16);
  const counter = [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)] as [
    number,
    number,
    number,
    number,
  ];
  let [first, second, third] = counter.map(swapBytes) as [number, number, number];
  let lowest = counter[3];
  for (let at = 0; at < count * 4; at += 4) {
    blockWords[at] = first;
    blockWords[at + 1] = second;
    blockWords[at + 2] = third;
    blockWords[at + 3] = swapBytes(lowest);
    if (lowest === 0xffffffff) {
      for (let word = 2; word >= 0; word--) {
        counter[word] = (counter[word]! + 1) >>> 0;
        if (counter[word] !== 0) break;
      }
      [first, second, third] = counter.map(swapBytes) as [number, number, number];
    }
    lowest = (lowest + 1) >>> 0;
  }
  return blockBytes.subarray(0, count * 16);
}

/** Typed arrays are little endian on every machine that Node runs on; counters are big endian. */
function swapBytes(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

function clampR(r: Uint8Array): void {
  for (const at of [3, 7, 11, 15]) r[at]! &= 0x0f;
  for (const at of [4, 8, 12]) r[at]! &= 0xfc;
}
