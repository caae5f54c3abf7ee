import { writeSync } from "node:fs";
import type { Reporter, TestModule, Vitest } from "vitest/node";

interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Ends the whole run with `N passed, N failed` (`, N skipped` where there are some) alone on the last line.
 * A file that could not be loaded, a failed hook, a test that never ran to its end and an error that no test caught
 * count as failures. A run without a single passed test is not green.
 */
export default class ClosingLineReporter implements Reporter {
  private counts: TestCounts = { passed: 0, failed: 0, skipped: 0 };

  onInit(vitest: Vitest): void {
    if (vitest.config.watch) return;
    // As late as possible: whatever servers and teardown say comes before.
    process.once("exit", (code) => {
      const { passed, failed, skipped } = this.counts;
      if (code === 0 && (failed > 0 || passed === 0)) process.exitCode = 1;
      writeSync(1, `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts: TestCounts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed++;
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) counts.failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "pending") counts.failed++;
        else counts[state]++;
      }
    }
    this.counts = counts;
  }
}
