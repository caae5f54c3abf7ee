import { test } from "vitest";
import { checkSparseFiles } from "./check-sparse-files.ts";

test(
  "sparse files of 100 GiB move only their data and come back sparse, with every byte",
  () => checkSparseFiles(100),
  3_600_000,
);
