import { expect, test } from "vitest";
import { type ManyEntriesFigures, measureManyEntries } from "./check-many-entries.ts";

/**
 * MiB that 900,000 more entries may cost. Each is a blob in the index, 70 bytes at most; a check marks what it has seen; a restore has a
 * plan of all files, so that it can read each pack once.
 */
const mostGrowth: Readonly<Record<keyof ManyEntriesFigures, number>> = {
  first: 350,
  unchanged: 250,
  check: 250,
  readData: 450,
  restore: 450,
};

test("1,000,000 entries in one run: memory hardly grows, and all come back", async () => {
  const few = await measureManyEntries(100_000);
  const many = await measureManyEntries(1_000_000);
  expect(many.unchanged.peakMebibytes).toBeLessThanOrEqual(500);
  for (const step of Object.keys(mostGrowth) as (keyof ManyEntriesFigures)[]) {
    expect(many[step].peakMebibytes - few[step].peakMebibytes, step).toBeLessThanOrEqual(mostGrowth[step]);
  }
}, 7_200_000);
