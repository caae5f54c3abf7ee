/**
 * restic's Rabin fingerprint, in AssemblyScript; compiled to rabin.wasm beside it (see src/chunker/compile-rabin.ts).
 *
 * A cut at length L depends on the 64 bytes before L alone. So a block of positions is searched by four lanes at four places at
 * once: one lane waits for its table look-up in every step, four lanes wait together.
 *
 * Memory: MOD at 0 and OUT at 2048 (256 x u64 each), the chunk's bytes from 4096.
 */
const OUT: usize = 2048;
const DATA: usize = 4096;
const WINDOW: u32 = 64;
const DEGREE: u64 = 53;
/** 20 bits: a cut every MiB on average, after the minimum. */
const SPLIT_MASK: u32 = 0xfffff;
/** Positions in one lane; small, because what was searched behind a cut is searched again. */
const LANE: usize = 8192;

/** Where the caller puts the chunk's bytes. */
export function dataOffset(): u32 {
  return <u32>DATA;
}

/** How many positions one call should search, so that all lanes work. */
export function blockSize(): u32 {
  return <u32>LANE * 4;
}

/** Fills the tables for a polynomial of degree 53. */
export function setPolynomial(polynomial: u64): void {
  // MOD[b] = (b * x^53 mod P) + b * x^53: one XOR reduces a digest whose 8 bits above the degree are b, and clears them.
  for (let b: u64 = 0; b < 256; b++) {
    let rest: u64 = b << DEGREE;
    for (let bit: u64 = 7 + DEGREE; bit >= DEGREE; bit--) {
      if ((rest >> bit) & 1) rest ^= polynomial << (bit - DEGREE);
    }
    store<u64>((<usize>b) << 3, rest | (b << DEGREE));
  }
  // OUT[b] = b * x^512 mod P: takes the oldest byte out after the shift, which keeps it off the path that every step waits for.
  for (let b: u64 = 0; b < 256; b++) {
    let digest: u64 = b;
    for (let i: u32 = 0; i < WINDOW; i++) digest = append(digest, 0);
    store<u64>(OUT + ((<usize>b) << 3), digest);
  }
}

function append(digest: u64, byte: u64): u64 {
  return ((digest << 8) | byte) ^ load<u64>((<usize>(digest >> (DEGREE - 8))) << 3);
}

/** The digest of the 64 bytes from the address on. */
function digestWindow(address: usize): u64 {
  let digest: u64 = 0;
  for (let i: usize = 0; i < WINDOW; i++) digest = append(digest, load<u8>(address + i));
  return digest;
}

function isCut(digest: u64): bool {
  return (<u32>digest & SPLIT_MASK) === 0;
}

/** Moves the window by one byte. */
function slide(digest: u64, incoming: u64, outgoing: usize): u64 {
  return append(digest, incoming) ^ load<u64>((outgoing << 3) + OUT);
}

/** The first length in first..last (both included, first >= 64) at which to cut; 0 if there is none. */
export function findCut(first: u32, last: u32): u32 {
  while (first <= last && last - first >= LANE * 4 - 1) {
    const cut = findCutInBlock(first);
    if (cut !== 0) return cut;
    first += LANE * 4;
  }
  return findCutInLane(first, last);
}

function findCutInLane(first: u32, last: u32): u32 {
  if (first > last) return 0;
  let address: usize = DATA + first - WINDOW;
  let digest = digestWindow(address);
  for (let length = first; length <= last; length++) {
    if (isCut(digest)) return length;
    digest = slide(digest, load<u8>(address, 64), load<u8>(address));
    address++;
  }
  return 0;
}

function findCutInBlock(first: u32): u32 {
  const start: usize = DATA + first - WINDOW;
  let a = digestWindow(start);
  let b = digestWindow(start + LANE);
  let c = digestWindow(start + LANE * 2);
  let d = digestWindow(start + LANE * 3);
  const end: usize = start + LANE;
  for (let address: usize = start; address < end; address++) {
    if (isCut(a) || isCut(b) || isCut(c) || isCut(d)) {
      return settleBlock(first, <u32>(address - start), isCut(a) ? 0 : isCut(b) ? 1 : isCut(c) ? 2 : 3);
    }
    // The lanes' distances stand as constants in the instructions: one address serves them all.
    a = slide(a, load<u8>(address, 64), load<u8>(address));
    b = slide(b, load<u8>(address, LANE + 64), load<u8>(address, LANE));
    c = slide(c, load<u8>(address, LANE * 2 + 64), load<u8>(address, LANE * 2));
    d = slide(d, load<u8>(address, LANE * 3 + 64), load<u8>(address, LANE * 3));
  }
  return 0;
}

/** A lane has a cut, but the lanes before it are not done: one of them may cut earlier. */
function settleBlock(first: u32, step: u32, lane: u32): u32 {
  for (let before: u32 = 0; before < lane; before++) {
    const laneStart: u32 = first + before * <u32>LANE;
    const cut = findCutInLane(laneStart + step + 1, laneStart + <u32>LANE - 1);
    if (cut !== 0) return cut;
  }
  return first + lane * <u32>LANE + step;
}
