import { test } from "vitest";
import { checkChangedFile } from "./check-changed-file.ts";

test(
  "of a file of 256 MiB in which one page of a hundred changed, at most a twentieth is moved",
  () => checkChangedFile(256),
  600_000,
);
