import type { HouseRule, Violation } from "../house-rule.ts";
import { dottedName, parseSource } from "../parse-source.ts";
import { isProductFile } from "../source-tree.ts";

const forbiddenMembers = new Set(["process.env", "process.hrtime", "Date.now", "performance.now", "Math.random"]);
const forbiddenCalls = new Set(["setTimeout", "setInterval", "Date"]);
const randomMembers = /^(globalThis\.)?crypto\.(randomUUID|getRandomValues)$/;

/** Each with its reason. */
const exceptions: Readonly<Record<string, string>> = {
  "packages/engine/src/repository/lock-keeper-thread.ts": "a thread of its own that must keep time while the main thread is busy",
  "packages/remote/src/process/local-machine.ts":
    "a program that ignores its end must be killed after a while, whatever clock a test has",
};

export const onlyHostTouchesTheMachine: HouseRule = {
  name: "clock, timers, environment, random and console are touched only in host",
  reason: "time and settings are arguments: tests never sleep, and no secret is read or printed behind anyone's back",
  check(tree) {
    const violations: Violation[] = [];
    for (const [path, text] of tree) {
      if (!isProductFile(path) || path.startsWith("packages/host/") || path in exceptions) continue;
      const source = parseSource(path, text);
      for (const { specifier, line } of source.imports) {
        if (/^(node:)?(timers|console|perf_hooks)(\/|$)/.test(specifier)) violations.push({ path, line, what: specifier });
      }
      source.walk((node, line) => {
        const what = judgeNode(node);
        if (what !== undefined) violations.push({ path, line, what });
      });
    }
    return violations;
  },
  broken: {
    files: {
      "packages/jobs/src/a.ts": [
        "const a = process.env.HOME;",
        "const b = Date.now();",
        "const c = new Date();",
        "console.log(a);",
        "setTimeout(() => b, 1);",
        "const d = Math.random();",
        'const e = process["env"];',
        "const { env } = process;",
        "const f = new Date(b);",
        "const g = crypto.randomUUID();",
      ].join("\n"),
      "packages/remote/src/a.ts": 'import { setTimeout as wait } from "node:timers/promises";',
      "packages/host/src/a.ts": "export const now = () => Date.now();",
      "packages/jobs/src/a.test.ts": "export const now = () => Date.now();",
    },
    expected: ["1", "2", "3", "4", "5", "6", "7", "8", "10"]
      .map((line) => `packages/jobs/src/a.ts:${line}`)
      .concat("packages/remote/src/a.ts:1"),
  },
};

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

function judgeNode(node: Node): string | undefined {
  if (node.type === "MemberExpression") {
    const object = dottedName(node.object);
    const property =
      (node.property as Node).type === "Identifier" && node.computed !== true ? (node.property as Node).name : undefined;
    const name = `${object}.${property ?? (node.property as Node).value}`;
    if (forbiddenMembers.has(name) || randomMembers.test(name)) return name;
    if (object === "console") return name;
  }
  if (node.type === "CallExpression" || node.type === "NewExpression") {
    const name = dottedName(node.callee);
    const isBareDate = name === "Date" && (node.type === "CallExpression" || (node.arguments as unknown[]).length === 0);
    if (isBareDate || (name !== undefined && name !== "Date" && forbiddenCalls.has(name))) return `${name}()`;
  }
  if (node.type === "VariableDeclarator" && dottedName(node.init) === "process" && (node.id as Node).type === "ObjectPattern") {
    const names = ((node.id as Node).properties as Node[]).map((property) => dottedName(property.key));
    if (names.includes("env") || names.includes("hrtime")) return "process.env by destructuring";
  }
  return undefined;
}
