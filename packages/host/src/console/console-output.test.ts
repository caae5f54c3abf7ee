import { execFileSync, spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { cleanForTerminal } from "./clean-for-terminal.ts";

const source = new URL("./console-output.ts", import.meta.url).href;
const hostile = "www\x1b]0;owned\x07\x1b[2J\x9b8m\r\x7f\tdata\nnext";
const shown = "www\\u001b]0;owned\\u0007\\u001b[2J\\u009b8m\\u000d\\u007f\tdata\nnext";

function code(statements: string): string {
  return `import { createConsole } from ${JSON.stringify(source)};
const output = createConsole({ environment: { TERM: "xterm" } });
const hostile = ${JSON.stringify(hostile)};
${statements}`;
}

test("what hosts say cannot steer the terminal, and data stays as it is", () => {
  const script = code("output.note(hostile); await output.line(hostile); await output.out(hostile);");
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  expect(stderr).toBe(`${shown}\n`);
  expect(stdout).toBe(`${shown}\n${hostile}`);
});

test("on a terminal the moving line is cleaned too, and our own colours stay", () => {
  const script = code('output.status("a\\x1b[2Jb"); output.note("\\x1b[31merror\\x1b[0m: c\\x1b[8md");');
  const words = [process.execPath, "--input-type=module", "-e", script].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const screen = execFileSync("script", ["-qefc", words.join(" "), "/dev/null"], { encoding: "utf8" });
  expect(screen).toContain("a\\u001b[2Jb");
  expect(screen).toContain("\x1b[31merror\x1b[0m: c\\u001b[8md");
});

test("a colour passes only when it is ours, closed, and wanted", () => {
  const ours = "\x1b[31merror\x1b[0m: text \x1b[36m^~\x1b[0m";
  expect(cleanForTerminal(ours, true)).toBe(ours);
  expect(cleanForTerminal(ours)).not.toContain("\x1b");
  for (const foreign of ["\x1b[31mopen", "\x1b[8mhidden\x1b[0m", "\x1b[31m\nlines\x1b[0m", "\x1b[0m"]) {
    expect(cleanForTerminal(foreign, true)).not.toContain("\x1b");
  }
  expect(cleanForTerminal("\x1b[31ma\x9b2J\x1b[0m", true)).toBe("\x1b[31ma\\u009b2J\x1b[0m");
});

test("JSON means the same after cleaning", () => {
  expect(JSON.parse(cleanForTerminal(JSON.stringify({ name: hostile })))).toEqual({ name: hostile });
});
