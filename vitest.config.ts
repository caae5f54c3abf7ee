import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/**/*.test.ts", "test/**/*.test.ts"],
    globalSetup: ["test/vitest-global-setup.ts"],
    // Processes, not threads: servers that a test starts end with the process that started them, and native parts load once each.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    // A snapshot that does not exist yet is a failure, not a new truth.
    update: false,
    passWithNoTests: false,
  },
});
