import type { HouseRule, Violation } from "../house-rule.ts";
import { dottedName, literalOf, parseSource } from "../parse-source.ts";

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

const runner = /^(test|it|describe|suite)$/;
const saysWhy = /\((needs|skipped:|not run:) ?/;

export const skipsSayWhy: HouseRule = {
  name: 'a skip says why: context.skip("why"), or skipIf and runIf with "(needs ...)" in the title; none is left as only or todo',
  reason: "a skip without a reason is a hole nobody sees; reasons are printed at the end of every run",
  check(tree) {
    const violations: Violation[] = [];
    for (const [path, text] of tree) {
      if (!/\.test\.ts$/.test(path)) continue;
      parseSource(path, text).walk((node, line) => {
        const what = judgeRunner(node) ?? judgeCall(node);
        if (what !== undefined) violations.push({ path, line, what });
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
        'test.runIf(isRoot)("mounts (needs root)", () => undefined);',
        "describe.skipIf(a)(`restic ${b ? ` (not run: ${b})` : ``}`, () => undefined);",
        'test.runIf(isRoot)("mounts", () => undefined);',
      ].join("\n"),
    },
    expected: [1, 2, 3, 4, 8].map((line) => `packages/engine/src/a.test.ts:${line}`),
  },
};

function judgeRunner(node: Node): string | undefined {
  if (node.type !== "MemberExpression") return undefined;
  const [object = "", property = ""] = dottedName(node)?.split(".").slice(-2) ?? [];
  return runner.test(object) && /^(skip|only|todo)$/.test(property) ? `${object}.${property}` : undefined;
}

function judgeCall(node: Node): string | undefined {
  if (node.type !== "CallExpression") return undefined;
  const args = node.arguments as Node[];
  const name = dottedName(node.callee) ?? "";
  if (name.endsWith(".skip") && !runner.test(name.slice(0, -5))) {
    const reason = args.at(-1);
    return reason === undefined || literalOf(reason) === "" ? `${name}() without a reason` : undefined;
  }
  // describe.skipIf(condition)(title, ...)
  const inner = node.callee as Node;
  const condition = inner.type === "CallExpression" ? (dottedName(inner.callee) ?? "") : "";
  if (!/\.(skipIf|runIf)$/.test(condition)) return undefined;
  const title = textOf(args[0]);
  return title === undefined || saysWhy.test(title) ? undefined : `${condition} with a title that does not say what it needs`;
}

/** What a title says as far as it stands in the source; undefined for one that is computed elsewhere. */
function textOf(node: Node | undefined): string | undefined {
  if (node?.type !== "TemplateLiteral") return literalOf(node);
  const own = (node.quasis as { value: { raw: string } }[]).map(({ value }) => value.raw);
  const nested: string[] = [];
  for (const expression of node.expressions as Node[]) {
    for (const part of [expression, expression.consequent, expression.alternate])
      nested.push(textOf(part as Node | undefined) ?? "");
  }
  return [...own, ...nested].join(" ");
}
