import { test } from "vitest";
import { checkSparseFiles } from "./check-sparse-files.ts";

test("sparse files of 2 GiB move only their data and come back sparse, with every byte", () => checkSparseFiles(2), 240_000);
