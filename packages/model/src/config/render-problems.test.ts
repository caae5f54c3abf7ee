import { expect, test } from "vitest";
import { nowMs } from "./example-config.ts";
import { parseConfig } from "./parse-config.ts";
import { renderProblems } from "./render-problems.ts";

const render = (text: string, options = {}) => {
  const files = [{ path: "lifeboat.yaml", text }];
  return renderProblems(parseConfig(files, { nowMs }).problems, files, options);
};

test("a problem shows its line, a caret and advice", () => {
  expect(render("version: 1\nhosts:\n  web1: { adress: x }\n")).toBe(
    [
      'lifeboat.yaml:3:11: error: unknown key "adress" in host "web1" [unknown-key]',
      "  |",
      "3 |   web1: { adress: x }",
      '  |           ^~~~~~  did you mean "address"?   known here: address, connect_timeout, connections, host_key, identity, known_hosts, ... (--all to see 19)',
      "1 error in 1 file. Nothing was changed.",
      "",
    ].join("\n"),
  );
});

test.each([
  "repositories: { main: { url: /r, password: hunter2, x: 1 } }",
  "repositories: { main: { url: /r, pasword: hunter2 } }",
  "repositories:\n  main:\n    url: /r\n    pasword: hunter2, with a comma # and more\n",
  "repositories: { main: { url: /r, password: { plain: hunter2 }, nope: 1 } }",
  "repositories: { main: { url: 's3:https://k:hunter2@h/b', nope: 1, password: { env: X } } }",
  'repositories: { main: { url: /r, "password": "hunter2 }" , nope: 2 } }',
  "hosts: { a: { pasword: 'hunter2', api_token: hunter2 } }",
])("a secret in the file is not repeated: %s", (text) => {
  for (const format of ["text", "json", "github"]) {
    const shown = render(`version: 1\n${text}`, { format });
    expect(shown).toMatch(/error/);
    expect(shown).not.toContain("hunter2");
    expect(shown).not.toContain("and more");
  }
});

test("the caret stands right behind a hidden secret", () => {
  const lines = render("version: 1\nrepositories: { main: { url: /r, password: hunter2hunter2, nope: 1 } }").split("\n");
  const caretLine = lines.findLast((line) => line.includes("^"))!;
  const sourceLine = lines[lines.indexOf(caretLine) - 1]!;
  expect(sourceLine.slice(caretLine.indexOf("^")).startsWith("nope")).toBe(true);
});

test("long lines are cut around the place, control characters do not reach the terminal", () => {
  const shown = render(
    `version: 1\nhosts: { ${"a: {}, ".replace("a", "host").repeat(1)}web1: { tags: [${"tag, ".repeat(60)}x], adress: "\\e" } }\u001b[31m`,
  );
  for (const line of shown.split("\n").filter((one) => one.startsWith("2 |"))) expect(line.length).toBeLessThan(140);
  expect(shown).not.toContain("\u001b");
});

test("formats for scripts and reviews", () => {
  const text = "version: 1\nhosts: { web1: { adress: x } }\n";
  expect(JSON.parse(render(text, { format: "json" }))).toMatchObject({
    schema: "lifeboat.problems/1",
    errors: 1,
    warnings: 0,
    problems: [{ file: "lifeboat.yaml", line: 2, column: 18, code: "unknown-key", severity: "error" }],
  });
  expect(render(text, { format: "github" })).toBe(
    '::error file=lifeboat.yaml,line=2,col=18,endColumn=24,title=unknown-key::unknown key "adress" in host "web1": did you mean "address"?\n',
  );
});

test("colour only when asked for", () => {
  expect(render("version: 2")).not.toContain("\u001b");
  expect(render("version: 2", { color: true })).toContain("\u001b[31merror");
});
