import { configJsonSchema } from "@lifeboat/model/config";
import { cell } from "./render-cli-reference.ts";

interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

interface Row {
  readonly path: string;
  readonly node: SchemaNode;
  readonly isRequired: boolean;
}

/** docs/config.md: every key, from the schema that checks the file. */
export function renderConfigReference(): string {
  const schema = configJsonSchema() as SchemaNode & {
    readonly definitions?: Record<string, SchemaNode>;
    readonly $defs?: Record<string, SchemaNode>;
  };
  const definitions = { ...schema.definitions, ...schema.$defs };
  const parts = [
    "# Configuration",
    "<!-- Written by packages/cli/src/docs/write-docs.ts; change packages/model/src/config/schema, not this file. -->",
    "`lifeboat init` writes a commented file to start from; `lifeboat config validate` checks it, `lifeboat config explain PATH` says where a value comes from. Unknown keys are errors. Maps merge, lists replace, `KEY+` appends.",
    "A secret is one of `{ env: NAME }`, `{ file: PATH }` (readable by its owner alone), `{ command: [PROGRAM, ...], timeout: 10s }` (no shell) and `{ systemd: NAME }`; a plain string is an error.",
  ];
  for (const [name, node] of Object.entries(schema.properties ?? {})) {
    const top = resolve(node, definitions);
    parts.push(`## ${name}`);
    if (top.description !== undefined) parts.push(top.description);
    const rows: Row[] = [];
    collect(name, top, definitions, rows, 0, new Set());
    if (rows.length > 0) parts.push(table(rows, definitions));
  }
  return `${parts.join("\n\n")}\n`;
}

function collect(
  path: string,
  given: SchemaNode,
  definitions: Readonly<Record<string, SchemaNode>>,
  rows: Row[],
  depth: number,
  seen: Set<string>,
): void {
  const node = resolve(given, definitions);
  if (depth > 8 || isSecret(node, definitions)) return;
  const branches = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  for (const branch of branches) collect(path, branch, definitions, rows, depth + 1, seen);
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const at = `${path}.${key}`;
    if (!seen.has(at))
      rows.push({ path: at, node: resolve(child, definitions), isRequired: node.required?.includes(key) ?? false });
    seen.add(at);
    collect(at, child, definitions, rows, depth + 1, seen);
  }
  if (typeof node.additionalProperties === "object")
    collect(`${path}.NAME`, node.additionalProperties, definitions, rows, depth + 1, seen);
  if (node.items !== undefined) collect(`${path}[]`, node.items, definitions, rows, depth + 1, seen);
}

/** The forms of a secret are explained once, not at every key. */
function isSecret(node: SchemaNode, definitions: Readonly<Record<string, SchemaNode>>): boolean {
  const branches = [...(node.anyOf ?? []), ...(node.oneOf ?? [])].map((branch) => resolve(branch, definitions));
  return ["env", "systemd"].every((key) => branches.some(({ properties }) => properties !== undefined && key in properties));
}

function resolve(node: SchemaNode, definitions: Readonly<Record<string, SchemaNode>>): SchemaNode {
  const name = node.$ref?.replace(/^#\/(definitions|\$defs)\//, "");
  const target = name === undefined ? undefined : definitions[name];
  return target === undefined ? node : { ...target, ...(node.description !== undefined && { description: node.description }) };
}

function table(rows: readonly Row[], definitions: Readonly<Record<string, SchemaNode>>): string {
  const lines = rows.map(({ path, node, isRequired }) => {
    const preset = node.default === undefined ? (isRequired ? "required" : "") : `\`${JSON.stringify(node.default)}\``;
    const example = node.examples?.[0] === undefined ? "" : ` e.g. \`${JSON.stringify(node.examples[0])}\``;
    return `| \`${path}\` | ${cell(typeText(node, definitions))} | ${preset} | ${cell(node.description ?? "")}${example} |`;
  });
  return ["| key | type | default | meaning |", "| --- | --- | --- | --- |", ...lines].join("\n");
}

function typeText(node: SchemaNode, definitions: Readonly<Record<string, SchemaNode>>): string {
  if (isSecret(node, definitions)) return "secret";
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((value) => JSON.stringify(value)).join(", ");
  const branches = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  if (branches.length > 0)
    return [...new Set(branches.map((branch) => typeText(resolve(branch, definitions), definitions)))].join(" or ");
  if (node.type === "array")
    return `list${node.items === undefined ? "" : ` of ${typeText(resolve(node.items, definitions), definitions)}`}`;
  if (node.type === "object") return "map";
  return typeof node.type === "string" ? node.type : (node.type?.join(" or ") ?? "any");
}
