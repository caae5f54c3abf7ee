import { join } from "node:path";
import { expect, test } from "vitest";
import { runCommand } from "./services/index.ts";

const root = join(import.meta.dirname, "..");
const config = join(import.meta.dirname, "fixtures/closing-line/vitest.config.ts");

async function runCases(cases: string): Promise<{ lastLine: string | undefined; exitCode: number }> {
  const vitest = join(root, "node_modules/.bin/vitest");
  const { stdout, exitCode } = await runCommand(vitest, ["run", "--config", config], {
    cwd: root,
    env: { CLOSING_LINE_CASES: cases },
    accept: "any",
  });
  return { lastLine: stdout.trimEnd().split("\n").at(-1), exitCode };
}

test("a green run ends with its counts and exit code 0", async () => {
  expect(await runCases("green.case.ts")).toEqual({ lastLine: "2 passed, 0 failed", exitCode: 0 });
});

test("failures and failed hooks are counted, skips are not", async () => {
  const { lastLine, exitCode } = await runCases("mixed.case.ts");
  expect(lastLine).toBe("1 passed, 2 failed");
  expect(exitCode).toBe(1);
});

test("an error that no test caught is a failure", async () => {
  expect(await runCases("unhandled.case.ts")).toEqual({ lastLine: "1 passed, 1 failed", exitCode: 1 });
});

test("a file that cannot be loaded is a failure", async () => {
  expect(await runCases("{green,unloadable}.case.ts")).toEqual({ lastLine: "2 passed, 1 failed", exitCode: 1 });
});

test("a run in which nothing passed is not green", async () => {
  expect(await runCases("skipped.case.ts")).toEqual({ lastLine: "0 passed, 0 failed", exitCode: 1 });
});
