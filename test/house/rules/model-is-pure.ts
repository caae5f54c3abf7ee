import { isBuiltin } from "node:module";
import type { HouseRule, Violation } from "../house-rule.ts";
import { dottedName, parseSource } from "../parse-source.ts";
import { isProductFile } from "../source-tree.ts";

export const modelIsPure: HouseRule = {
  name: "model has no I/O: nothing of node:*, no process, no Buffer",
  reason: "the words of the house must be usable, and testable, everywhere and without a machine",
  check(tree) {
    const violations: Violation[] = [];
    for (const [path, text] of tree) {
      if (!isProductFile(path) || !path.startsWith("packages/model/")) continue;
      const source = parseSource(path, text);
      for (const { specifier, line } of source.imports)
        if (isBuiltin(specifier)) violations.push({ path, line, what: specifier });
      source.walk((node, line) => {
        const name = node.type === "MemberExpression" ? dottedName(node.object) : undefined;
        if (name === "process" || name === "Buffer") violations.push({ path, line, what: name });
        if (node.type === "CallExpression" && dottedName(node.callee) === "fetch")
          violations.push({ path, line, what: "fetch()" });
      });
    }
    return violations;
  },
  broken: {
    files: {
      "packages/model/src/a.ts":
        'import { join } from "node:path";\nimport fs from "fs";\nexport const b = Buffer.from("b");\nfetch("x");',
    },
    expected: [1, 2, 3, 4].map((line) => `packages/model/src/a.ts:${line}`),
  },
};
