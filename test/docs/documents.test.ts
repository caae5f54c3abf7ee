import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { renderProblems } from "@lifeboat/model";
import { parseConfig } from "@lifeboat/model/config";
import { describe, expect, test } from "vitest";
import { runCommand } from "../services/index.ts";
import { projectFolder, readDocument, readFences } from "./read-fences.ts";

const adr = (await readdir(join(projectFolder, "docs/adr"))).map((name) => `docs/adr/${name}`);
const documents = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "SECURITY.md",
  "docs/format.md",
  "docs/from-restic.md",
  ...adr,
];
const readme = await readDocument("README.md");

describe("README.md", () => {
  const examples = readFences(readme).filter(({ language }) => language === "yaml");

  test("has a small configuration and a larger one", () => {
    expect(examples).toHaveLength(2);
  });

  test.each(examples)("line $line is a configuration without any problem", ({ text }) => {
    const files = [{ path: "lifeboat.yaml", text }];
    const { config, problems } = parseConfig(files, { nowMs: Date.UTC(2026, 10, 22) });
    expect(problems, renderProblems(problems, files)).toEqual([]);
    expect(config?.assets.size).toBeGreaterThan(0);
    expect(config?.drills.size).toBe(1);
  });

  const commands = readFences(readme)
    .filter(({ language }) => language === "sh")
    .flatMap(({ text }) => text.split("\n"))
    .filter((line) => line.startsWith("npx lifeboat "));

  test("shows commands", () => {
    expect(commands.length).toBeGreaterThan(15);
  });

  test.each(commands)("%s is a command with these options", async (line) => {
    const words = line.split(/\s+/).slice(2);
    const first = words.findIndex((word) => word.startsWith("-"));
    const name = first < 0 ? words : words.slice(0, first);
    const program = join(projectFolder, "packages/cli/bin/lifeboat.js");
    const { stdout } = await runCommand(process.execPath, [program, ...name, "--help"]);
    expect(stdout.startsWith(`${name[0]}`)).toBe(true);
    expect(stdout).toContain("Usage: lifeboat ");
    for (const option of words.filter((word) => word.startsWith("--"))) expect(stdout).toContain(`${option} `);
  });

  test("names every exit code that there is", async () => {
    const { exitCodes } = await import("@lifeboat/model");
    const table = readme.slice(readme.indexOf("| Code | Meaning |"), readme.indexOf("are restic's. A code"));
    const named = [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, cell]) => (cell ?? "").split(", ").map(Number));
    expect(named).toEqual(Object.values(exitCodes));
  });
});

describe.each(documents)("%s", (path) => {
  test("links only to what is there", async () => {
    const text = (await readDocument(path)).replace(/^```[\s\S]*?^```$/gm, "");
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!).filter((target) => !/^https?:/.test(target));
    const missing = targets.filter((target) => {
      const [file = "", anchor] = target.split("#");
      if (anchor !== undefined && file === "" && !headingsOf(text).includes(anchor)) return true;
      return file !== "" && !existsSync(join(projectFolder, dirname(path), file));
    });
    expect(missing).toEqual([]);
  });

  test("names only files and folders of the house that are there", async () => {
    const words = [...(await readDocument(path)).matchAll(/`([a-z][\w.@-]*(?:\/[\w.@-]+)+)`/g)].map((match) => match[1]!);
    const roots = new Set([...(await readdir(join(projectFolder, "packages"))), "packages", "test", "docs", "scripts"]);
    const ours = words.filter((word) => roots.has(word.split("/")[0]!) && !/NAME|NNNN/.test(word));
    expect(ours.filter((word) => !isThere(word))).toEqual([]);
  });
});

/** "packages/jobs/src/backup.ts", "jobs/src/backup.ts" and "jobs/backup.ts" are the same file. */
function isThere(word: string): boolean {
  const [room = "", ...rest] = word.split("/");
  const places = [join(word), join("packages", word), join("packages", room, "src", ...rest)];
  return places.some((place) => existsSync(join(projectFolder, place)) || existsSync(join(projectFolder, `${place}.ts`)));
}

/** Anchors as GitHub makes them. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}
