import { writeFileSync } from "node:fs";

/** Loaded before the program (`--import`): writes down how much memory it had at most, in bytes. */
process.on("exit", () =>
  writeFileSync(process.env.LIFEBOAT_TEST_MEMORY_LOG ?? "", String(process.resourceUsage().maxRSS * 1024)),
);
