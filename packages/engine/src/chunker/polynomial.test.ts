import { expect, test } from "vitest";
import { createChacha12Bytes } from "./chacha12-bytes.ts";
import { createPolynomial, isIrreducible, parsePolynomial } from "./index.ts";

test("finds as many irreducible polynomials of each small degree as Gauss's formula counts", () => {
  const counts: number[] = [];
  for (let degree = 1; degree <= 11; degree++) {
    let count = 0;
    for (let value = 1n << BigInt(degree); value < 2n << BigInt(degree); value++) if (isIrreducible(value)) count++;
    counts.push(count);
  }
  expect(counts).toEqual([2, 1, 2, 3, 6, 9, 18, 30, 56, 99, 186]);
});

test("knows irreducible polynomials of degree 53 and products that are not", () => {
  expect(isIrreducible(0x3da3358b4dc173n)).toBe(true);
  expect(isIrreducible(0x3da3358b4dc172n)).toBe(false);
  // Two irreducible factors of the degrees 26 and 27: only the last step of the test finds them.
  const factors = [findIrreducible(26), findIrreducible(27)] as const;
  expect(isIrreducible(multiply(...factors))).toBe(false);
  for (const value of [-5n, 0n, 1n]) expect(isIrreducible(value)).toBe(false);
});

test("creates polynomials that it accepts itself, each another", () => {
  const random = createChacha12Bytes(53n, 400_000);
  let used = 0;
  const randomBytes = (n: number) => {
    used += n;
    return random.subarray(used - n, used);
  };
  const created = Array.from({ length: 5 }, () => createPolynomial(randomBytes));
  expect(new Set(created).size).toBe(5);
  for (const polynomial of created) {
    expect(polynomial).toMatch(/^[23][0-9a-f]{13}$/);
    expect(parsePolynomial(polynomial)).toBe(BigInt(`0x${polynomial}`));
  }
});

test("stops on a random source that gives the same bytes for ever", () => {
  expect(() => createPolynomial((n) => new Uint8Array(n))).toThrow("random source is broken");
});

test("refuses a reducible polynomial, another degree and what is no number, without naming the secret", () => {
  for (const polynomial of ["3da3358b4dc171", "25", "", "0x3da3358b4dc173", "3da3358b4dc173zz", -1n, 1n << 53n, 1n << 70n]) {
    expect(() => parsePolynomial(polynomial)).toThrow(
      expect.objectContaining({
        code: "repository-unsupported",
        message: "the chunker polynomial is not an irreducible one of degree 53",
      }),
    );
  }
  expect(parsePolynomial("3DA3358B4DC173")).toBe(0x3da3358b4dc173n);
});

function findIrreducible(degree: number): bigint {
  let value = (1n << BigInt(degree)) | 1n;
  while (!isIrreducible(value)) value += 2n;
  return value;
}

function multiply(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let bit = 0n; b >> bit; bit++) if ((b >> bit) & 1n) product ^= a << bit;
  return product;
}
