import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { generatedDocs } from "../docs/generated-docs.ts";
import { createPlace, type Place } from "../test-command-line.ts";
import { commandRows } from "./command-table.ts";
import { findCommand } from "./find-command.ts";
import { globalOptions } from "./global-options.ts";
import { optionsOf, readOptions } from "./read-options.ts";

// Each step is a process of its own; on a busy machine a dozen of them take their time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: Place;
beforeAll(() => {
  place = createPlace();
});
afterAll(() => place.remove());

describe("finding the command", () => {
  test.each([
    [["repo", "check", "--json"], "repo check", ["--json"]],
    [["--config", "f", "repo", "check"], "repo check", ["--config", "f"]],
    [["repo", "--repo", "x", "check"], "repo check", ["--repo", "x"]],
    [["snapshots", "list", "db1/shop"], "snapshots", ["db1/shop"]],
    [["snapshots", "db1/shop"], "snapshots", ["db1/shop"]],
    [["-v", "restore", "latest", "--to", "restore"], "restore", ["-v", "latest", "--to", "restore"]],
  ])("%j is %s", (argv, name, rest) => {
    const found = findCommand(argv);
    expect(found.kind === "command" && { name: found.row.name, rest: found.rest }).toEqual({ name, rest });
  });

  test("a near miss is answered with the command that was meant, exit code 2", async () => {
    const typo = await place.run(["snapshot"]);
    expect([typo.code, typo.err]).toEqual([2, expect.stringContaining('did you mean "snapshots"?')]);
    const group = await place.run(["repo", "cheque", "--json"]);
    expect([group.code, JSON.parse(group.err)]).toEqual([
      2,
      expect.objectContaining({ message_type: "exit_error", code: 2, error: "usage" }),
    ]);
    const option = await place.run(["ls", "latest", "--recursiv"]);
    expect([option.code, option.err]).toEqual([2, expect.stringMatching(/unknown option '--recursiv'[\s\S]*lifeboat ls --help/)]);
  });
});

describe("every command", () => {
  test.each(commandRows.map((row) => [row.name, row] as const))(
    "%s has examples that its own options understand",
    async (name, row) => {
      const spec = await row.load();
      expect(spec.examples.length).toBeGreaterThan(0);
      for (const { command } of spec.examples) {
        const words = wordsOf(command);
        const found = findCommand(words);
        expect(found.kind === "command" && found.row.name, command).toBe(name);
        if (found.kind === "command") expect(readOptions(row, spec, found.rest), command).toMatchObject({ kind: "values" });
      }
      const flags = [...optionsOf(spec), ...globalOptions].map((option) => /--[a-z-]+/.exec(option.flags)?.[0]);
      expect(new Set(flags).size, "no option twice").toBe(flags.length);
    },
  );

  test("shows examples before anything else in its help", async () => {
    const { code, out } = await place.run(["restore", "--help"]);
    expect(code).toBe(0);
    expect(out.indexOf("Examples:")).toBeLessThan(out.indexOf("Usage:"));
  });
});

/** The words of an example up to a shell's own signs, quotes taken off. */
function wordsOf(command: string): string[] {
  const start = command.indexOf("lifeboat ") + "lifeboat".length;
  const words = command.slice(start).match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? [];
  const end = words.findIndex((word) => word === ">" || word === "|" || word.endsWith(")"));
  return (end === -1 ? words : [...words.slice(0, end), ...(words[end]!.endsWith(")") ? [words[end]!.slice(0, -1)] : [])]).map(
    (word) => word.replace(/^(['"])(.*)\1$/, "$2"),
  );
}

test("the program's own help loads neither configuration nor engine, so that it is there at once", async () => {
  const watcher = place.write(
    "watch.mjs",
    `import { registerHooks } from "node:module";
registerHooks({ load(url, context, next) { process.stderr.write(url + "\\n"); return next(url, context); } });`,
  );
  const { code, out, err } = await place.run(["--help"], { env: { NODE_OPTIONS: `--import=${watcher}` } });
  expect([code, out]).toEqual([0, expect.stringContaining("lifeboat restore")]);
  expect(err).toContain("packages/cli/src/main.ts");
  expect(err).not.toMatch(/packages\/(model|host|engine|remote|jobs|drill|catalog|queue)\/|node_modules\/(zod|yaml|pino|ssh2)/);
});

test.each(generatedDocs.map(({ file, render }) => [file.pathname.split("/").at(-1), file, render] as const))(
  "docs/%s is as the code would write it now (node packages/cli/src/docs/write-docs.ts)",
  async (_name, file, render) => {
    expect(readFileSync(file, "utf8") === (await render())).toBe(true);
  },
);

test("completion offers commands, options and the names of the configuration", async () => {
  writeFileSync(
    place.at("lifeboat.yaml"),
    `version: 1
repositories: { main: { url: /srv/main, password: { env: P } } }
hosts: { web1: { address: web1 } }
policies: { web: { hosts: [web1], repository: main, schedule: { every: 1h }, sources: [{ name: pages, type: files, paths: [/srv] }] } }
`,
  );
  const complete = async (...words: string[]) => (await place.run(["complete", "--", ...words])).out.trim().split("\n");
  expect(await complete("re")).toEqual(["restore", "repo", "rewrite", "retention", "replicate"]);
  expect(await complete("repo", "c")).toEqual(["check", "cat"]);
  expect(await complete("restore", "w")).toEqual(["web1/pages"]);
  expect(await complete("restore", "--to-")).toEqual(["--to-postgres", "--to-sqlite"]);
  expect(await complete("repo", "stats", "--repo", "m")).toEqual(["main"]);
  for (const shell of ["bash", "zsh", "fish"])
    expect((await place.run(["completion", shell])).out).toContain("lifeboat complete --");
});
