import { writeSync } from "node:fs";
import type { Reporter, TestModule, Vitest } from "vitest/node";

interface TestCounts {
  passed: number;
  failed: number;
}

/**
 * Names what was skipped, and ends the whole run with `N passed, N failed` alone on the last line.
 * A file that could not be loaded, a failed hook, a test that never ran to its end and an error that no test caught
 * count as failures. A run without a single passed test is not green.
 */
export default class ClosingLineReporter implements Reporter {
  /** A run that never comes to its end has failed. */
  private counts: TestCounts = { passed: 0, failed: 1 };
  private readonly skips: string[] = [];

  onInit(vitest: Vitest): void {
    if (vitest.config.watch) return;
    // As late as possible: whatever servers and teardown say comes before.
    process.once("exit", (code) => {
      const { passed, failed } = this.counts;
      if (code === 0 && (failed > 0 || passed === 0)) process.exitCode = 1;
      // A run of chosen tests (-t) skips all others, which nobody wants to read.
      const skips = vitest.config.testNamePattern ? [] : this.skips.map((skip) => `skipped: ${skip}\n`);
      writeAll(`${skips.join("")}${passed} passed, ${failed} failed\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts: TestCounts = { passed: 0, failed: unhandledErrors.length };
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed++;
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) counts.failed++;
      for (const test of module.children.allTests()) {
        const result = test.result();
        const { state } = result;
        // Without a note the test's title says why, or its hook has failed.
        if (state === "skipped") this.skips.push([test.fullName, result.note].filter(Boolean).join(": "));
        if (state === "passed") counts.passed++;
        else if (state !== "skipped") counts.failed++;
      }
    }
    this.counts = counts;
  }
}

/** The process ends right after this, so it must be out; a full pipe is asked again. */
function writeAll(text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
    }
  }
}
