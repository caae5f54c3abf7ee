import type { HouseRule, Violation } from "../house-rule.ts";
import { dottedName, literalOf, parseSource } from "../parse-source.ts";

const runners = /^(test|it|describe|suite)$/;

export const skipsSayWhy: HouseRule = {
  name: 'a test is skipped only by context.skip("why"), and none is left as only or todo',
  reason: "a skip without a reason is a hole nobody sees; the reason is printed with the run",
  check(tree) {
    const violations: Violation[] = [];
    for (const [path, text] of tree) {
      if (!/\.test\.ts$/.test(path)) continue;
      parseSource(path, text).walk((node, line) => {
        if (node.type === "MemberExpression") {
          const [object, property] = dottedName(node)?.split(".").slice(-2) ?? [];
          const isForbidden = /^(skip|skipIf|runIf|only|todo)$/.test(property ?? "");
          if (object !== undefined && runners.test(object) && isForbidden)
            violations.push({ path, line, what: `${object}.${property}` });
        }
        if (node.type !== "CallExpression") return;
        const name = dottedName(node.callee) ?? "";
        if (!name.endsWith(".skip") || runners.test(name.slice(0, -5))) return;
        const reason = (node.arguments as unknown[]).at(-1);
        if (reason === undefined || literalOf(reason) === "") violations.push({ path, line, what: `${name}() without a reason` });
      });
    }
    return violations;
  },
  broken: {
    files: {
      "packages/engine/src/a.test.ts": [
        'test.skip("x", () => undefined);',
        'describe.skipIf(true)("x", () => undefined);',
        'test("x", (context) => context.skip());',
        'it.only("x", () => undefined);',
        'test("x", (context) => context.skip("no tmpfs here"));',
      ].join("\n"),
    },
    expected: [1, 2, 3, 4].map((line) => `packages/engine/src/a.test.ts:${line}`),
  },
};
