import { expect, test } from "vitest";
import { Sample, seededNumbers } from "./sample-files.ts";

const seed = Number(process.env.LIFEBOAT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32)) >>> 0;
const choose = (size: ConstructorParameters<typeof Sample>[0], of: number, by: number) => {
  const sample = new Sample<number>(size, by);
  for (let at = 0; at < of; at++) sample.offer(at);
  return sample.items;
};

test(`the same seed chooses the same, another one others; as many as were asked for (seed ${seed})`, () => {
  expect(choose({ files: 50 }, 10_000, seed)).toEqual(choose({ files: 50 }, 10_000, seed));
  expect(choose({ files: 50 }, 10_000, seed)).not.toEqual(choose({ files: 50 }, 10_000, seed ^ 1));
  expect(new Set(choose({ files: 50 }, 10_000, seed)).size).toBe(50);
  expect(choose({ files: 50 }, 20, seed)).toEqual(Array.from({ length: 20 }, (_, at) => at));
  expect(choose({ share: 1 }, 500, seed)).toEqual(Array.from({ length: 500 }, (_, at) => at));
  expect(choose({ share: 0.001 }, 200, seed)).toHaveLength(10);
  expect(choose({ share: 0.5 }, 4, seed)).toHaveLength(4);
  // Eight standard deviations.
  expect(Math.abs(choose({ share: 0.1 }, 10_000, seed).length - 1000)).toBeLessThan(240);
});

test(`each has the same chance, the first and the last too (seed ${seed})`, () => {
  const counts = new Array<number>(20).fill(0);
  const numbers = seededNumbers(seed);
  const rounds = 4000;
  for (let round = 0; round < rounds; round++) {
    for (const item of choose({ files: 5 }, 20, Math.floor(numbers() * 2 ** 32))) counts[item] = (counts[item] ?? 0) + 1;
  }
  // A quarter each; eight standard deviations.
  for (const count of counts) expect(Math.abs(count - rounds / 4)).toBeLessThan(8 * Math.sqrt((rounds * 3) / 16));
});
