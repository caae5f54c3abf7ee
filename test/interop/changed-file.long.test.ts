import { test } from "vitest";
import { checkChangedFile } from "./check-changed-file.ts";

test(
  "of a file of 4 GiB in which one page of a hundred changed, at most a twentieth is moved",
  () => checkChangedFile(4096),
  3_600_000,
);
