import { expect, test } from "vitest";
import { measureManyEntries } from "./check-many-entries.ts";

test("1,000,000 entries in one run", async () => {
  const entries = Number(process.env.ENTRIES ?? 100_000);
  expect(await measureManyEntries(entries)).toBeDefined();
}, 7_200_000);
