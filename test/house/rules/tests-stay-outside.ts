import { posix } from "node:path";
import type { HouseRule, Violation } from "../house-rule.ts";
import { parseSource } from "../parse-source.ts";
import { isProductFile, isTestFile } from "../source-tree.ts";

export const testsStayOutside: HouseRule = {
  name: "what runs in production imports no test",
  reason: "the rules are looser for tests, and a test's tools must not reach a user",
  check(tree) {
    const violations: Violation[] = [];
    for (const [path, text] of tree) {
      if (!isProductFile(path)) continue;
      for (const { specifier, line } of parseSource(path, text).imports) {
        const target = specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : specifier;
        if (isTestFile(target) || /^(vitest|fast-check|playwright-core)$/.test(target))
          violations.push({ path, line, what: specifier });
      }
    }
    return violations;
  },
  broken: {
    files: {
      "packages/remote/src/a.ts":
        'import { start } from "./test-host.ts";\nexport { suite } from "./store-contract.ts";\nimport { test } from "vitest";',
      "packages/remote/src/a.test.ts": 'import { start } from "./test-host.ts";',
    },
    expected: [1, 2, 3].map((line) => `packages/remote/src/a.ts:${line}`),
  },
};
