import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { quoteForShell } from "./quote-for-shell.ts";

const everyByte = Buffer.from(Array.from({ length: 255 }, (_, at) => at + 1));
const cases = [
  "",
  "plain",
  "-n",
  "it's",
  "'",
  "\\",
  "\\\\",
  "\\'",
  "a\nb\n",
  "$(touch /tmp/x)",
  "`id`",
  "!!",
  "~",
  "a*?[b]",
  "ü€",
  "\ta ",
  everyByte,
];
const shells = ["sh", "bash", "dash", "zsh", "fish", "busybox"].filter((shell) => spawnSync("which", [shell]).status === 0);

describe.each(shells)("quoting, read by %s", (shell) => {
  const prefix = shell === "busybox" ? ["sh"] : [];
  test.each(cases.map((word, at) => [at, word] as const))("case %i", (_, word) => {
    const line = Buffer.concat([Buffer.from("printf %s "), quoteForShell(word)]);
    const output = execFileSync(shell, [...prefix, "-c", 'eval "$(cat)"'], { input: Buffer.concat([line, Buffer.from("\n")]) });
    expect(output.equals(Buffer.from(word))).toBe(true);
  });
});

test("at least one shell took part, and NUL is refused", () => {
  expect(existsSync("/bin/sh") && shells.length > 0).toBe(true);
  expect(() => quoteForShell("a\0b")).toThrow(TypeError);
});
