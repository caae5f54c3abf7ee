import { join } from "node:path";
import { expect, test } from "vitest";
import { findStockRestic, runCommand } from "../services/index.ts";
import { projectFolder, readDocument } from "./read-fences.ts";

const rows = (await readDocument("docs/from-restic.md"))
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map(
    (line) =>
      line
        .split("|")
        .slice(1, 4)
        .map((cell) => cell.trim()) as [string, string, string],
  );
const codes = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
const program = join(projectFolder, "packages/cli/bin/lifeboat.js");
const help = async (words: readonly string[]) => {
  const { exitCode, stdout } = await runCommand(process.execPath, [program, ...words, "--help"], { accept: "any" });
  return exitCode === 0 ? stdout : "";
};

test("every command of ours that it names exists, with the options that are named beside it", async () => {
  let options = 0;
  for (const [, own, differences] of rows) {
    const texts: string[] = [];
    const named = [...codes(own), ...codes(differences).filter((code) => code.startsWith("lifeboat "))];
    for (const command of named) {
      const words = command.split(" ").slice(1);
      // "repo repair packs" is an argument of "repo repair".
      const text = await help(words);
      texts.push(text);
      expect(text, command).toContain(`Usage: lifeboat ${words.slice(0, 2).join(" ")}`);
    }
    const [first] = codes(own);
    if (first === undefined) continue;
    // After "No", "Not" and "Neither" stands what there is not, after "for" and "with" what restic calls it.
    const lacking = /\b(No|Not|not|Neither|nor) [^;.:]*/g;
    const own_ = differences.replace(lacking, "").replace(/for `--latest`|as restic does with `--forget`/g, "");
    for (const option of codes(own_)
      .flatMap((code) => code.split(" "))
      .filter((word) => word.startsWith("--"))) {
      expect(texts.join("\n"), `${first} ${option}`).toContain(option);
      options++;
    }
  }
  expect(rows.length).toBeGreaterThan(25);
  expect(options).toBeGreaterThan(10);
}, 300_000);

test("every command of stock restic has a row", async (context) => {
  const stock = await findStockRestic("0.18");
  if ("missing" in stock) return context.skip(stock.missing);
  const { stdout } = await runCommand(stock.path, ["--help"]);
  const [, commands = ""] = stdout.split(/^Available Commands:$/m);
  const [until = ""] = commands.split(/^Flags:$/m);
  const names = [...until.matchAll(/^ {2}([a-z-]+) +\S/gm)].map((match) => match[1]!).filter((name) => name !== "help");
  expect(names.length).toBeGreaterThan(20);
  const known = new Set(rows.flatMap(([theirs]) => codes(theirs).map((code) => code.split(" ")[0]!)));
  expect(names.filter((name) => !known.has(name))).toEqual([]);
});
