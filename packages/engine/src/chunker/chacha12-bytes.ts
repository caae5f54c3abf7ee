/**
 * Reproducible incompressible bytes for tests and benches: the ChaCha12 key stream (64-bit counter from 0, nonce 0) under a key
 * that PCG32 expands from a small seed. Rust's `StdRng::seed_from_u64` gives the same bytes, which is how published chunker
 * vectors were made.
 */
export function createChacha12Bytes(seed: bigint, length: number): Uint8Array {
  const state = new Uint32Array(16);
  state.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  state.set(expandSeed(seed), 4);
  const words = new Uint32Array(Math.ceil(length / 64) * 16);
  const w = new Uint32Array(16);
  for (let offset = 0; offset < words.length; offset += 16) {
    w.set(state);
    for (let round = 0; round < 12; round += 2) {
      for (let i = 0; i < 4; i++) mixQuarter(w, i, 4 + i, 8 + i, 12 + i);
      for (let i = 0; i < 4; i++) mixQuarter(w, i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3));
    }
    for (let i = 0; i < 16; i++) words[offset + i] = w[i]! + state[i]!;
    // 2^32 blocks are 256 GiB: the counter's upper half stays 0.
    state[12]!++;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** A 32-byte key as eight little-endian words. */
function expandSeed(seed: bigint): Uint32Array {
  const key = new Uint32Array(8);
  let state = seed;
  for (let i = 0; i < 8; i++) {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 11634580027462260723n);
    const word = Number(BigInt.asUintN(32, ((state >> 18n) ^ state) >> 27n));
    const turn = Number(state >> 59n);
    key[i] = (word >>> turn) | (word << (-turn & 31));
  }
  return key;
}

function mixQuarter(w: Uint32Array, a: number, b: number, c: number, d: number): void {
  w[a]! += w[b]!;
  w[d] = rotateLeft(w[d]! ^ w[a]!, 16);
  w[c]! += w[d]!;
  w[b] = rotateLeft(w[b]! ^ w[c]!, 12);
  w[a]! += w[b]!;
  w[d] = rotateLeft(w[d]! ^ w[a]!, 8);
  w[c]! += w[d]!;
  w[b] = rotateLeft(w[b]! ^ w[c]!, 7);
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
