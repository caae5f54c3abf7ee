import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { CommandResult } from "../services/index.ts";

/** What is another one in each run, by its name in the files of messages. */
export type Placeholders = readonly (readonly [text: string, name: string])[];

/**
 * The command's exit code and what it said, in a form that is the same in every run. Fails at once for what no message may be: a
 * stack, a bug, no word of what to do next.
 */
export function describeRefusal(name: string, command: readonly string[], result: CommandResult, places: Placeholders): string {
  const { exitCode, stderr, stdout } = result;
  const all = `${name}: lifeboat ${command.join(" ")}\nexit code ${exitCode}\n${stdout}\n${stderr}`;
  expect(stderr, all).not.toMatch(/^ +at .*:\d+:\d+|bug in Lifeboat|<\?xml|Unexpected token|Cannot read propert/m);
  if (exitCode !== 0) expect(stderr, all).toMatch(/^ {2}next {3}\S|"hint":"/m);
  const normal = (text: string) => {
    let made = text;
    for (const [value, placeholder] of places) made = made.replaceAll(value, placeholder);
    return made
      .replace(/\b[0-9a-f]{64}\b/g, "<id>")
      .replace(/SHA256:[A-Za-z0-9+/]{43}/g, "SHA256:<fingerprint>")
      .replace(/AAAA[A-Za-z0-9+/=]{40,}/g, "<key>")
      .replace(/\b\d\d:\d\d:\d\d (?=warn|info)/g, "<time> ")
      .replace(/waitMs=\d+/g, "waitMs=<ms>")
      .replace(/"ts":"[^"]*"/g, '"ts":"<time>"')
      .replace(/\bin \d+(\.\d+)?s(, \d+(\.\d+)? [KMG]iB\/s)?;/g, "in <time>;")
      .replace(/(?<=^✓ sound: .*) {2}\d+(\.\d+)?s$/gm, "  <time>")
      .replace(/^[0-9a-f]{8} {2}(?=exclusive|shared)/gm, "<id>  ")
      .replace(/\bin \d+ s\)/g, "in <s> s)")
      .replace(/\b(snapshot|of) [0-9a-f]{8}\b/g, "$1 <id>")
      .replace(/\bdata\/[0-9a-f]{2}\//g, "data/<xx>/")
      .replace(/its blobs make \d+/g, "its blobs make <n>")
      .replace(/uid \d+, gid \d+/g, "uid <n>, gid <n>")
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d( UTC)?/g, "<moment>")
      .replace(/since \d+ s/g, "since <s> s")
      .replace(/(?<=FAILED .*)\s+\d+(\.\d+)?s$/gm, "  <time>")
      .replace(/\d+(\.\d+)? GiB free/g, "<bytes> free")
      .replace(/(\d+[dhms] ?)+old/g, "<age> old");
  };
  const said = sortFindings(normal(stderr).split("\n")).filter((line) => line !== "");
  return normal([`## ${name}`, `lifeboat ${command.join(" ")}`, `exit code ${exitCode}`, ...said, ""].join("\n"));
}

/** Findings about packs come in the order of their ids, which are others in each run. */
function sortFindings(lines: readonly string[]): string[] {
  const isFinding = (line: string | undefined) => line?.startsWith("  ✗ pack-") === true;
  const first = lines.findIndex(isFinding);
  if (first < 0) return [...lines];
  let end = first;
  while (isFinding(lines[end])) end++;
  return [...lines.slice(0, first), ...lines.slice(first, end).sort(), ...lines.slice(end)];
}

/** Every file below a folder with its hash: what "nothing was lost" is compared by. */
export async function fingerprintOf(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile())
      found.set(
        path,
        createHash("sha256")
          .update(await readFile(path))
          .digest("hex"),
      );
  }
  return found;
}

/** A run that fails adds its record and what `mayAdd` fits; nothing else may change, nothing may go. */
export function expectNothingLost(
  name: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  mayAdd = /(?!)/,
): void {
  for (const [path, hash] of before) expect([path, after.get(path)], name).toEqual([path, hash]);
  const added = [...after.keys()].filter(
    (path) => !before.has(path) && !/\/lifeboat\/v1\/run\/[0-9a-f]{64}$/.test(path) && !mayAdd.test(path),
  );
  expect(added, name).toEqual([]);
}
