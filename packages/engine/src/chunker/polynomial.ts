import { LifeboatError } from "@lifeboat/model";

/** Degree of every chunker polynomial: the largest prime that leaves 8 bits of a u64 for the table look-up. */
const degree = 53;
/** One random polynomial in about 27 (with lowest bit 1) is irreducible: 10,000 misses in a row mean a broken random source. */
const triesMax = 10_000;

/**
 * A random irreducible polynomial of degree 53 over GF(2), as restic's config holds it: hex, lower case, 14 digits.
 * `randomBytes(n)` must be cryptographically random: the polynomial is what hides the sizes of known files.
 */
export function createPolynomial(randomBytes: (n: number) => Uint8Array): string {
  for (let tries = 0; tries < triesMax; tries++) {
    const bytes = randomBytes(8);
    const random = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    const polynomial = BigInt.asUintN(degree, random) | (1n << BigInt(degree)) | 1n;
    if (isIrreducible(polynomial)) return polynomial.toString(16);
  }
  throw new Error(`no irreducible polynomial in ${triesMax} tries: the random source is broken`);
}

/**
 * Reads `chunker_polynomial` of a repository's config. Refuses, as restic does, one that is not irreducible, and one that is not
 * of degree 53, which no tool ever wrote: LifeboatError `repository-unsupported`.
 */
export function parsePolynomial(polynomial: bigint | string): bigint {
  const known = accepted.get(polynomial);
  if (known !== undefined) return known;
  const value =
    typeof polynomial === "bigint" ? polynomial : /^[0-9a-fA-F]{1,16}$/.test(polynomial) ? BigInt(`0x${polynomial}`) : 0n;
  if (degreeOf(value) !== degree || !isIrreducible(value)) {
    // The polynomial is the repository's secret: it does not belong into a message.
    throw new LifeboatError("repository-unsupported", `the chunker polynomial is not an irreducible one of degree ${degree}`);
  }
  // A thread meets one polynomial per repository; the bound is for one that meets very many.
  if (accepted.size >= 64) accepted.clear();
  accepted.set(polynomial, value);
  return value;
}

/** The proof of irreducibility costs as much as chunking a small file, and there are many small files. */
const accepted = new Map<bigint | string, bigint>();

/** Ben-Or's test: a polynomial over GF(2) of degree d is irreducible if it has no factor in common with x^(2^i) - x for i = 1..d/2. */
export function isIrreducible(polynomial: bigint): boolean {
  const d = degreeOf(polynomial);
  if (d < 1 || d > 64) return false;
  let power = reduce(2n, polynomial);
  const x = power;
  for (let i = 1; i <= d >> 1; i++) {
    power = reduce(square(power), polynomial);
    if (findCommonDivisor(polynomial, power ^ x) !== 1n) return false;
  }
  return true;
}

function degreeOf(polynomial: bigint): number {
  return polynomial <= 0n ? -1 : polynomial.toString(2).length - 1;
}

/** In characteristic 2 a square has no mixed terms: the bits move apart. */
function square(polynomial: bigint): bigint {
  return BigInt(`0b${polynomial.toString(2).split("").join("0")}`);
}

function reduce(polynomial: bigint, modulus: bigint): bigint {
  const d = degreeOf(modulus);
  let rest = polynomial;
  for (let shift = degreeOf(rest) - d; shift >= 0; shift = degreeOf(rest) - d) rest ^= modulus << BigInt(shift);
  return rest;
}

function findCommonDivisor(first: bigint, second: bigint): bigint {
  let [a, b] = [first, second];
  while (b !== 0n) [a, b] = [b, reduce(a, b)];
  return a;
}
