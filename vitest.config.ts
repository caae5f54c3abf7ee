import { defaultExclude, defineConfig } from "vitest/config";

// `npm run test:long` adds the tests with large counts; a short test may read the variable too.
const isLongRun = process.env.LIFEBOAT_TEST_LONG === "1";

export default defineConfig({
  test: {
    include: ["packages/**/*.test.ts", "test/**/*.test.ts"],
    exclude: [...defaultExclude, ...(isLongRun ? [] : ["**/*.long.test.ts"])],
    globalSetup: ["test/vitest-global-setup.ts"],
    reporters: ["default", "./test/vitest-closing-line.ts"],
    // Processes, not threads: servers that a test starts end with the process that started them.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: isLongRun ? 3_600_000 : 120_000,
    hookTimeout: 180_000,
    teardownTimeout: 10_000,
    // A snapshot that does not exist yet is a failure, not a new truth.
    update: false,
  },
});
