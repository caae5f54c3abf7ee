import { parseSync } from "vite";

export interface Import {
  /** As written: `node:fs`, `@lifeboat/model`, `./tree.ts`. */
  readonly specifier: string;
  readonly line: number;
  /** `type`: erased before it runs. `static`: loaded with the file. `lazy`: loaded when a line is reached, or in a thread. */
  readonly kind: "type" | "static" | "lazy";
}

interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly [field: string]: unknown;
}

export interface ParsedSource {
  readonly imports: readonly Import[];
  /** Calls `visit` for every node of the syntax tree (ESTree, with TypeScript's nodes), parents first. */
  walk(visit: (node: SyntaxNode, line: number) => void): void;
}

const cache = new Map<string, ParsedSource>();

export function parseSource(path: string, text: string): ParsedSource {
  const key = `${path}\0${text}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} is not valid TypeScript: ${errors[0]?.message}`);
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  const lineOf = (offset: number) => lineStarts.findLastIndex((start) => start <= offset) + 1;
  const walk: ParsedSource["walk"] = (visit) =>
    walkNode(program as unknown as SyntaxNode, (node) => visit(node, lineOf(node.start)));
  const imports: Import[] = [];
  walk((node, line) => {
    const found = readImport(node);
    if (found !== undefined) imports.push({ ...found, line });
  });
  const parsed = { imports, walk };
  cache.set(key, parsed);
  return parsed;
}

function readImport(node: SyntaxNode): Omit<Import, "line"> | undefined {
  const source = literalOf(node.source);
  switch (node.type) {
    case "ImportDeclaration":
      return { specifier: source ?? "", kind: node.importKind === "type" ? "type" : "static" };
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      return source === undefined ? undefined : { specifier: source, kind: node.exportKind === "type" ? "type" : "static" };
    case "ImportExpression":
      return source === undefined ? undefined : { specifier: source, kind: "lazy" };
    case "TSImportType":
      return { specifier: literalOf(node.source) ?? literalOf(node.argument) ?? "", kind: "type" };
    case "NewExpression":
      return readModuleUrl(node);
    default:
      return undefined;
  }
}

/** `new URL("./thread.ts", import.meta.url)` is how a thread's file is named. */
function readModuleUrl(node: SyntaxNode): Omit<Import, "line"> | undefined {
  const [target, base] = node.arguments as SyntaxNode[];
  const specifier = literalOf(target);
  const isUrl = (node.callee as SyntaxNode).name === "URL" && base?.type === "MemberExpression";
  return isUrl && specifier !== undefined && /^\.\.?\/.*\.ts$/.test(specifier) ? { specifier, kind: "lazy" } : undefined;
}

export function literalOf(node: unknown): string | undefined {
  const value = (node as SyntaxNode | null | undefined)?.value;
  return typeof value === "string" ? value : undefined;
}

/** `a.b.c` for a chain of plain names, otherwise undefined. */
export function dottedName(node: unknown): string | undefined {
  const { type, name, object, property, computed } = (node ?? {}) as SyntaxNode;
  if (type === "Identifier") return name as string;
  if (type !== "MemberExpression" || computed === true) return undefined;
  const left = dottedName(object);
  return left === undefined ? undefined : `${left}.${(property as SyntaxNode).name as string}`;
}

function walkNode(node: SyntaxNode, visit: (node: SyntaxNode) => void): void {
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof (child as SyntaxNode | null)?.type === "string") walkNode(child as SyntaxNode, visit);
    }
  }
}
