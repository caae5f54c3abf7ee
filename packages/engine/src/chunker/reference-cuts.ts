/**
 * The definition, bit by bit and slow, for tests: the lengths of the chunks of `data`. Shares nothing with the fast one, no
 * table and no lane: polynomials over GF(2) as big integers.
 */
export function findReferenceCuts(data: Uint8Array, polynomial: bigint, minBytes: number, maxBytes: number): number[] {
  const oldest = Array.from({ length: 256 }, (_, byte) => {
    let digest = appendBits(0n, byte, polynomial);
    for (let i = 0; i < 63; i++) digest = appendBits(digest, 0, polynomial);
    return digest;
  });
  const lengths: number[] = [];
  for (let start = 0; start < data.length; start += lengths.at(-1)!) {
    const end = Math.min(start + maxBytes, data.length);
    let digest = 0n;
    let at = start + minBytes - 64;
    for (; at < end; at++) {
      // Before 64 bytes are in, the window holds zeros.
      if (at - (start + minBytes) >= 0) digest ^= oldest[data[at - 64]!]!;
      digest = appendBits(digest, data[at]!, polynomial);
      if (at + 1 - start >= minBytes && (digest & 0xfffffn) === 0n) break;
    }
    lengths.push(Math.min(at + 1, end) - start);
  }
  return lengths;
}

function appendBits(digest: bigint, byte: number, polynomial: bigint): bigint {
  let rest = (digest << 8n) | BigInt(byte);
  for (let bit = 7n; bit >= 0n; bit--) if ((rest >> (53n + bit)) & 1n) rest ^= polynomial << bit;
  return rest;
}
