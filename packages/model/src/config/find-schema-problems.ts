import type { z } from "zod";
import { type Place, type ProblemCode, problemCodes, type ReportProblem } from "./config-problem.ts";
import { type ConfigNode, type ConfigPath, nodeAt, placeAt, plainOf, prune } from "./config-tree.ts";
import { knownKeysAt } from "./known-keys.ts";
import { secretForms } from "./schema/secret-schema.ts";
import { hintForKey, suggest } from "./suggest.ts";

type Issue = z.core.$ZodIssue;

/**
 * Reports everything in which the tree differs from the schema and returns the tree without those parts, so that what is left
 * can be merged and checked further: all problems are found at once.
 */
export function findSchemaProblems(root: ConfigNode, schema: z.ZodType, report: ReportProblem): ConfigNode {
  let tree = root;
  // Taking a part out can leave its parent short of something; the second round sees to that.
  for (let round = 0; round < 10; round++) {
    const result = schema.safeParse(plainOf(tree));
    if (result.success) return tree;
    const bad: ConfigPath[] = [];
    for (const { issue, path } of flatten(result.error.issues, []))
      bad.push(...reportIssue({ root: tree, schema, report }, issue, path, round));
    let next = tree;
    for (const path of fromTheEnd(bad)) next = prune(next, path);
    tree = next;
  }
  return { kind: "map", entries: new Map(), place: root.place, pruned: new Set() };
}

/** Outermost paths only, later list items first, so that the others keep their numbers while parts are taken out. */
function fromTheEnd(paths: readonly ConfigPath[]): ConfigPath[] {
  const keyOf = (path: ConfigPath) =>
    path.map((step) => (typeof step === "number" ? step.toString().padStart(9, "0") : step)).join("\0");
  const byKey = new Map(paths.map((path) => [keyOf(path), path]));
  const outermost = [...byKey].filter(([, path]) => !path.some((_, length) => byKey.has(keyOf(path.slice(0, length)))));
  return outermost.sort(([left], [right]) => (left < right ? 1 : -1)).map(([, path]) => path);
}

/** Of a choice without a `type`, the branch that comes nearest. */
function flatten(issues: readonly Issue[], above: ConfigPath): { issue: Issue; path: ConfigPath }[] {
  return issues.flatMap((issue) => {
    const path = [...above, ...(issue.path as (string | number)[])];
    if (issue.code !== "invalid_union" || issue.errors.length === 0 || hasOwnMessage(issue)) return [{ issue, path }];
    const branches = issue.errors.filter((branch) => !branch.some((one) => one.code === "invalid_type" && one.path.length === 0));
    const best = branches.sort((left, right) => strangeness(left) - strangeness(right))[0];
    return best === undefined ? [{ issue, path }] : flatten(best, path);
  });
}

/** Unknown keys speak most against a branch: the keys that were written show which form was meant. */
function strangeness(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" ? 100 * issue.keys.length : 1), 0);
}

const hasOwnMessage = (issue: Issue) => !/^Invalid (input|option)\b/.test(issue.message);

interface Here {
  readonly root: ConfigNode;
  readonly schema: z.ZodType;
  readonly report: ReportProblem;
}

/** Reports and returns the paths to take out. */
function reportIssue(here: Here, issue: Issue, path: ConfigPath, round: number): ConfigPath[] {
  const { root, schema } = here;
  // What is missing only because it was taken out has been reported already.
  const report: ReportProblem = round === 0 ? here.report : () => {};
  const node = nodeAt(root, path);
  const place = placeOf(root, path);
  if (issue.code === "unrecognized_keys") {
    const known = knownKeysAt(schema, path, plainOf(root));
    const plain = known.filter((key) => !key.endsWith("+"));
    for (const key of issue.keys) {
      const hint = hintForKey(key, known);
      report({
        code: "unknown-key",
        message: `unknown key "${key}" in ${describePath(root, path)}`,
        place: placeOf(root, [...path, key], "key"),
        known: plain,
        ...(hint === undefined ? {} : { hint }),
      });
    }
    return issue.keys.map((key) => [...path, key]);
  }
  if (issue.code === "invalid_key") {
    report({ ...splitCode(issue.issues[0]?.message ?? issue.message), place: placeOf(root, path, "key") });
    return [path];
  }
  if (node === undefined) {
    const parent = path.slice(0, -1);
    report({
      code: "missing-key",
      message: `${describePath(root, parent)} needs "${String(path.at(-1))}"`,
      place: placeOf(root, parent),
    });
    return [parent];
  }
  if (issue.code === "invalid_union" && "discriminator" in issue && typeof issue.discriminator === "string") {
    const options = ("options" in issue ? (issue.options ?? []) : []).map(String);
    if (node.kind !== "scalar") {
      report({ code: "bad-value", message: `${describePath(root, path)} must be ${options.join(", ")}`, place });
    } else reportChoice(report, node.value, options, place);
    return [path.slice(0, -1)];
  }
  if (issue.code === "invalid_value" && node.kind === "scalar" && !hasOwnMessage(issue)) {
    reportChoice(report, node.value, issue.values.map(String), place);
  } else if (hasOwnMessage(issue)) {
    const { code, message } = splitCode(issue.message);
    // "is empty" and its kind need their subject.
    const whole = /^(is|must|needs|holds) /.test(message) ? `${describePath(root, path)} ${message}` : message;
    report({ code, message: whole, place, ...(code === "inline-secret" ? { hint: `use ${secretForms}` } : {}) });
  } else {
    const wanted = issue.code === "invalid_type" ? issue.expected : "another value";
    const what = typeWords[wanted] ?? wanted;
    report({ code: "bad-value", message: `${describePath(root, path)} must be ${what}, not ${describeNode(node)}`, place });
  }
  return [path];
}

function reportChoice(report: ReportProblem, value: unknown, options: readonly string[], place: Place): void {
  const near = suggest(String(value), options);
  const hint = near === undefined ? {} : { hint: `did you mean "${near}"?` };
  report({ code: "bad-value", message: `${JSON.stringify(value)} is not one of ${options.join(", ")}`, place, ...hint });
}

const typeWords: Readonly<Record<string, string>> = {
  object: "a map of keys",
  record: "a map of keys",
  array: "a list",
  string: "text",
  boolean: "true or false",
};

function splitCode(text: string): { code: ProblemCode; message: string } {
  const match = /^(.*) \[([a-z-]+)\]$/s.exec(text);
  const code = match?.[2] as ProblemCode | undefined;
  return code !== undefined && problemCodes.includes(code) ? { code, message: match![1]! } : { code: "bad-value", message: text };
}

function placeOf(root: ConfigNode, path: ConfigPath, what: "key" | "value" = "value"): Place {
  return placeAt(root, path, what) ?? { file: "", line: 1, column: 1, endColumn: 1 };
}

function describeNode(node: ConfigNode): string {
  if (node.kind === "map") return "a map of keys";
  if (node.kind === "list") return "a list";
  return node.value === null ? "empty" : typeof node.value === "string" ? "text" : JSON.stringify(node.value);
}

const kinds: Readonly<Record<string, string>> = {
  repositories: "repository",
  hosts: "host",
  templates: "template",
  policies: "policy",
  drills: "drill",
};

/** For people: `policy "web"`, `schedule of policy "web"`, `source "etc" of policy "web"`. */
export function describePath(root: ConfigNode, path: ConfigPath): string {
  const [section, name, ...rest] = path;
  if (section === undefined) return "the file";
  const kind = kinds[String(section)];
  if (kind === undefined || name === undefined) return `"${path.join(".")}"`;
  const owner = `${kind} "${name}"`;
  if (rest.length === 0) return owner;
  const words: string[] = [];
  for (const [index, step] of rest.entries()) {
    if (typeof step !== "number") {
      words.push(step);
      continue;
    }
    const item = nodeAt(root, [section, name, ...rest.slice(0, index + 1)]);
    const label = nodeAt(item, ["name"]) ?? nodeAt(item, ["id"]);
    const list = words.pop() ?? "";
    words.push(`${list.replace(/s$/, "")} ${label?.kind === "scalar" ? `"${label.value}"` : step + 1}`);
  }
  return `${words.join(".")} of ${owner}`;
}
