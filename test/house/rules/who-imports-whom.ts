import { posix } from "node:path";
import type { HouseRule, Violation } from "../house-rule.ts";
import { parseSource } from "../parse-source.ts";
import { isTestFile, roomOf } from "../source-tree.ts";

const libraries = ["model", "engine", "remote", "catalog", "queue", "host", "jobs", "drill"];

/** Room -> rooms it may import. The table of ARCHITECTURE.md. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  model: [],
  engine: ["model"],
  remote: ["model"],
  catalog: ["model"],
  queue: ["model"],
  host: ["model"],
  jobs: ["model", "engine", "remote"],
  drill: ["model", "engine", "remote", "jobs"],
  scheduler: libraries,
  worker: libraries,
  cli: libraries,
  web: libraries,
};

export const whoImportsWhom: HouseRule = {
  name: "a room imports only rooms below it, and only through their door src/index.ts",
  reason: "a reader must be able to tell from the names alone what a change can reach; what siblings share is a type in model",
  check(tree) {
    const violations: Violation[] = [];
    for (const [path, text] of tree) {
      const room = roomOf(path);
      if (room === undefined || !path.endsWith(".ts")) continue;
      const allowed = mayImport[room];
      if (allowed === undefined) {
        violations.push({ path, line: 0, what: `packages/${room} is no room of the house` });
        continue;
      }
      for (const { specifier, line } of parseSource(path, text).imports) {
        const what = judgeImport(path, room, allowed, specifier);
        if (what !== undefined) violations.push({ path, line, what });
      }
    }
    return violations;
  },
  broken: {
    files: {
      "packages/engine/src/a.ts": 'import type { Session } from "@lifeboat/remote";',
      "packages/jobs/src/a.ts":
        'import { tree } from "@lifeboat/engine/src/format/tree.ts";\nimport { m } from "@lifeboat/model";',
      "packages/worker/src/a.ts": 'import { b } from "../../engine/src/index.ts";',
      "packages/cli/src/a.ts": 'const w = await import("@lifeboat/worker");',
      "packages/model/src/a.ts": 'export { startRedis } from "../../../test/services/index.ts";',
      "packages/model/src/b.test.ts": 'import { startRedis } from "../../../test/services/index.ts";',
      "packages/extras/src/a.ts": "export const a = 1;",
    },
    expected: [
      "packages/engine/src/a.ts:1",
      "packages/jobs/src/a.ts:1",
      "packages/worker/src/a.ts:1",
      "packages/cli/src/a.ts:1",
      "packages/model/src/a.ts:1",
      "packages/extras/src/a.ts:0",
    ],
  },
};

/** The model's configuration has a door of its own: its schema and YAML libraries are for who reads configuration only. */
const secondDoor = "@lifeboat/model/config";

function judgeImport(path: string, room: string, allowed: readonly string[], specifier: string): string | undefined {
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(path), specifier);
    if (target.startsWith(`packages/${room}/`)) return undefined;
    if (target.startsWith("test/")) return isTestFile(path) ? undefined : `${specifier}: only tests may import from test`;
    return `${specifier} leaves the room by a path; use its name @lifeboat/...`;
  }
  const match = /^@lifeboat\/([^/]+)(\/.*)?$/.exec(specifier);
  if (match === null || (match[1] === room && match[2] === undefined)) return undefined;
  if (match[2] !== undefined && specifier !== secondDoor) return `${specifier} goes past the door; import @lifeboat/${match[1]}`;
  return allowed.includes(match[1] ?? "")
    ? undefined
    : `${room} may not import ${match[1]} (only ${allowed.join(", ") || "nothing"})`;
}
