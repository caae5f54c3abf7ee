import type { HouseRule, Violation } from "../house-rule.ts";

const limitLines = 400;
/** Cases stand beside each other and are read one by one. */
const testLimitLines = 600;

/** Longer ones, each with its reason. */
const exceptions: Readonly<Record<string, string>> = {};

export const filesStaySmall: HouseRule = {
  name: `a source file has at most ${limitLines} lines, a test ${testLimitLines}`,
  reason: "aim at 150, think again at 400; a longer one is listed in this rule with its reason",
  check(tree) {
    const violations: Violation[] = [];
    for (const [path, text] of tree) {
      if (!/^(packages|test|scripts)\/.*\.(ts|mjs|js)$/.test(path) || path in exceptions) continue;
      const lines = text.split("\n").length - 1;
      if (lines > (path.endsWith(".test.ts") ? testLimitLines : limitLines))
        violations.push({ path, line: 0, what: `${lines} lines` });
    }
    return violations;
  },
  broken: {
    files: {
      "packages/engine/src/a.ts": "\n".repeat(401),
      "packages/engine/src/b.ts": "\n".repeat(400),
      "packages/engine/src/b.test.ts": "\n".repeat(601),
    },
    expected: ["packages/engine/src/a.ts:0", "packages/engine/src/b.test.ts:0"],
  },
};
