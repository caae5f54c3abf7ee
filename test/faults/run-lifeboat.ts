import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type CommandResult, runCommand } from "../services/index.ts";

export const lifeboatProgram = fileURLToPath(new URL("../../packages/cli/bin/lifeboat.js", import.meta.url));

/** The command as a person runs it, with a home of its own. */
export function runLifeboat(
  home: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return runCommand(process.execPath, [lifeboatProgram, ...args], {
    cwd: home,
    env: { HOME: home, XDG_STATE_HOME: join(home, "state-home"), ...env },
    accept: "any",
  });
}

export interface Refusal {
  readonly exitCode: number;
  /** Of the table of errors. */
  readonly code: string;
  readonly message: RegExp;
  /** What the person does next. */
  readonly next: RegExp;
}

/** One message, of four parts at the most, and no stack: what happened, and what to do next. */
export function expectRefusal({ exitCode, stdout, stderr }: CommandResult, refusal: Refusal): void {
  const all = `exit code ${exitCode}\n${stdout}\n${stderr}`;
  expect(exitCode, all).toBe(refusal.exitCode);
  const errors = stderr.split("\n").filter((line) => line.startsWith("error: "));
  expect(errors, all).toHaveLength(1);
  expect(errors[0], all).toMatch(refusal.message);
  expect(errors[0], all).toContain(`[${refusal.code}]`);
  const next = stderr.split("\n").filter((line) => line.startsWith("  next   "));
  expect(next, all).toHaveLength(1);
  expect(next[0], all).toMatch(refusal.next);
  expect(stderr, all).not.toMatch(/^ +at .*:\d+:\d+/m);
}
