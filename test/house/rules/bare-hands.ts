import { posix } from "node:path";
import type { HouseRule, Violation } from "../house-rule.ts";
import { parseSource } from "../parse-source.ts";
import type { SourceTree } from "../source-tree.ts";

const unreachable = /^(bullmq|ioredis|kysely|pg|@lifeboat\/(queue|catalog))$/;

/** Commands that must work when the queue, the catalog and their packages are gone, by the names of their files. */
const bareHandCommands = [
  "snapshots",
  "verify",
  "ls",
  "diff",
  "dump",
  "stats",
  "tag",
  "restore",
  "repo-check",
  "repo-repair",
  "copy",
  "key-passwd",
  "snapshots-forget",
  "snapshots-pin",
  "rewrite",
  "drill-run",
];

export const bareHands: HouseRule = {
  name: "restore, snapshots, ls, repo check and drill run never load the queue or the catalog",
  reason: "in a real disaster Redis and the history are gone; what brings the data back must not need them",
  check(tree) {
    const commands = [...tree.keys()].filter((path) => /^packages\/cli\/src\/.*\.ts$/.test(path) && !path.endsWith(".test.ts"));
    if (commands.length === 0) return [{ path: "packages/cli/src", line: 0, what: "there is no command line to look at" }];
    // The program's own start: whatever it loads at once, every command loads.
    const entries = commands.filter((path) => /^packages\/cli\/src\/(index|main)\.ts$/.test(path));
    const violations: Violation[] = [];
    for (const command of bareHandCommands) {
      const pattern = new RegExp(`/(${command}|${command.replace("-", "/")})(-command)?\\.ts$`);
      const files = commands.filter((path) => pattern.test(path));
      if (files.length === 0)
        violations.push({ path: "packages/cli/src", line: 0, what: `no file ${command}.ts holds the command` });
      entries.push(...files);
    }
    for (const entry of entries) {
      const chain = findChain(tree, entry);
      if (chain !== undefined) violations.push({ path: entry, line: 0, what: `loads ${chain.join(" -> ")}` });
    }
    return violations;
  },
  broken: {
    files: {
      "packages/cli/src/main.ts": 'await import("./commands/status.ts");\nimport type { Queue } from "@lifeboat/queue";',
      "packages/cli/src/commands/status.ts": 'import { openCatalog } from "@lifeboat/catalog";',
      "packages/cli/src/commands/restore.ts": 'import { restore } from "@lifeboat/jobs";',
      "packages/cli/src/commands/ls.ts": 'import { table } from "../table.ts";',
      "packages/cli/src/table.ts": 'import { a } from "./a.ts";',
      "packages/cli/src/a.ts": 'export { z } from "kysely";\nimport "./table.ts";',
      "packages/cli/src/commands/snapshots.ts": "export const snapshots = 1;",
      "packages/cli/src/commands/diff.ts": "export const diff = 1;",
      "packages/cli/src/commands/dump.ts": "export const dump = 1;",
      "packages/cli/src/commands/stats.ts": "export const stats = 1;",
      "packages/cli/src/commands/tag.ts": "export const tag = 1;",
      "packages/cli/src/commands/repo/check.ts": "export const check = 1;",
      "packages/cli/src/commands/repo-repair.ts": "export const repair = 1;",
      "packages/cli/src/commands/copy.ts": "export const copy = 1;",
      "packages/cli/src/commands/rewrite.ts": "export const rewrite = 1;",
      "packages/cli/src/commands/snapshots-forget.ts": "export const forget = 1;",
      "packages/cli/src/commands/snapshots-pin.ts": "export const pin = 1;",
      "packages/cli/src/commands/key-passwd.ts": "export const passwd = 1;",
      "packages/jobs/src/index.ts": 'export { restore } from "./restore.ts";',
      "packages/jobs/src/restore.ts": 'import { openCatalog } from "@lifeboat/catalog";',
    },
    expected: ["packages/cli/src:0", "packages/cli/src/commands/ls.ts:0", "packages/cli/src/commands/restore.ts:0"],
  },
};

/** The shortest way from a file over imports that are loaded at once to something it must not reach. */
function findChain(tree: SourceTree, entry: string): string[] | undefined {
  const open: string[][] = [[entry]];
  const seen = new Set([entry]);
  for (let chain = open.shift(); chain !== undefined; chain = open.shift()) {
    const path = chain.at(-1) ?? entry;
    for (const { specifier, kind } of parseSource(path, tree.get(path) ?? "").imports) {
      if (kind !== "static") continue;
      if (unreachable.test(specifier)) return [...chain, specifier];
      const [, room, door = ""] = /^@lifeboat\/([^/]+)(\/config)?$/.exec(specifier) ?? [];
      const target = room === undefined ? posix.join(posix.dirname(path), specifier) : `packages/${room}/src${door}/index.ts`;
      if ((room === undefined && !specifier.startsWith(".")) || seen.has(target) || !tree.has(target)) continue;
      seen.add(target);
      open.push([...chain, target]);
    }
  }
  return undefined;
}
