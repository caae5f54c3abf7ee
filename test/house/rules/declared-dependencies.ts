import { isBuiltin } from "node:module";
import type { HouseRule, Violation } from "../house-rule.ts";
import { parseSource } from "../parse-source.ts";
import { isProductFile, roomOf } from "../source-tree.ts";

/** Steps of the build, which never run for a user, with the tool that the root lists. */
const exceptions: Readonly<Record<string, string>> = {
  "packages/engine/src/chunker/compile-rabin.ts": "assemblyscript",
};

export const declaredDependencies: HouseRule = {
  name: "a room's package.json lists what the room imports",
  reason: "what is only there because a neighbour installed it disappears with the neighbour",
  check(tree) {
    const violations: Violation[] = [];
    for (const [path, text] of tree) {
      if (!isProductFile(path)) continue;
      const manifest = tree.get(`packages/${roomOf(path)}/package.json`);
      const { dependencies = {} } = JSON.parse(manifest ?? "{}") as { dependencies?: Record<string, string> };
      for (const { specifier, line } of parseSource(path, text).imports) {
        if (specifier.startsWith(".") || isBuiltin(specifier)) continue;
        const name = /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
        if (exceptions[path] === name) continue;
        const isOwnName = name === `@lifeboat/${roomOf(path)}`;
        const typesOnly = `@types/${name}` in dependencies;
        if (!(name in dependencies) && !isOwnName && !typesOnly) violations.push({ path, line, what: `${name} is not declared` });
      }
    }
    return violations;
  },
  broken: {
    files: {
      "packages/engine/package.json": '{ "dependencies": { "@lifeboat/model": "0.1.0" } }',
      "packages/engine/src/a.ts": 'import "@lifeboat/model";\nimport { z } from "zod";',
    },
    expected: ["packages/engine/src/a.ts:2"],
  },
};
